"""A real Argilla server for every test under here: the embedded one, on a free port, in a home of its own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from annotation.server import accounts, serve
from annotation.server.accounts import Account
from schemas.settings import AnnotationSettings

TIERS = {"crowd": {"price": 2, "annotators": ["ana", "ben"]}, "expert": {"price": 50, "annotators": ["eva"]}}


class Argilla(NamedTuple):
    """`api_key` is the owner's; `accounts` is by username (owner, ana, ben, eva)."""

    url: str
    home: Path
    api_key: str
    accounts: dict[str, Account]
    settings: AnnotationSettings


@pytest.fixture(scope="session")
def argilla_settings() -> AnnotationSettings:
    return AnnotationSettings.model_validate({"tiers": TIERS})


@pytest.fixture(scope="session")
def argilla(tmp_path_factory: pytest.TempPathFactory, argilla_settings: AnnotationSettings) -> Iterator[Argilla]:
    """One server for the whole session: a test that needs a dataset makes its own, with a name of its own."""
    home = tmp_path_factory.mktemp("argilla-home")
    running = serve.start(home, argilla_settings, port=0, progress=lambda _: None)
    try:
        made = {one.username: one for one in accounts.credentials(serve.folder_of(home))}
        yield Argilla(running.url, home, made["owner"].api_key, made, argilla_settings)
    finally:
        serve.stop(home)


class PostgreSQL(NamedTuple):
    """A real server, of this session alone. Each test takes a database of its own."""

    port: int
    user: str
    password: str

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> None:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())


_NAMES = count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Skips where PostgreSQL's server is not installed."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(tools[-1]) if tools else shutil.which("initdb")
    if initdb is None:
        pytest.skip("PostgreSQL's server is not installed (no initdb in /usr/lib/postgresql/*/bin or PATH)")
    # Not pytest's folder: only its owner may enter that, and the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="assay-postgresql-"))
    try:
        yield from _running_postgresql(Path(initdb).parent, folder)
    finally:
        shutil.rmtree(folder)


def _running_postgresql(tools: Path, folder: Path) -> Iterator[PostgreSQL]:
    root = os.geteuid() == 0
    # PostgreSQL refuses to run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if root else []
    if root:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = PostgreSQL(port, "assay", "well-kept-secret")
    secret = folder / "password"
    secret.write_text(server.password)
    secret.chmod(0o644)
    made = ["-D", str(folder / "data"), "-U", server.user, f"--pwfile={secret}", "--auth=scram-sha-256", "--no-sync"]
    subprocess.run([*as_user, tools / "initdb", *made], check=True, capture_output=True, cwd=folder)
    # No disk is waited for: what is tested dies with its client, not with its machine.
    options = ["-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=60"]
    command = [*as_user, tools / "postgres", "-D", str(folder / "data"), "-p", str(port), *options]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process:
        try:
            _wait_for(server, folder / "log")
            yield server
        finally:
            stop = ["-D", str(folder / "data"), "-m", "immediate", "stop"]
            subprocess.run([*as_user, tools / "pg_ctl", *stop], check=False, capture_output=True, cwd=folder)
            process.wait(30)


def _wait_for(server: PostgreSQL, log: Path) -> None:
    import psycopg

    for _ in range(200):
        try:
            server.sql("SELECT 1")
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not start: {log.read_text()[-500:]}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty database, in SQLite and in PostgreSQL, which is also what ASSAY_DATABASE_URL says."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store' / 'assay.db'}"
        monkeypatch.setenv("ASSAY_DATABASE_URL", url)
        yield url
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = f"assay_{next(_NAMES)}"
    server.sql(f"CREATE DATABASE {name}")
    monkeypatch.setenv("ASSAY_DATABASE_URL", server.url(name))
    yield server.url(name)
    server.sql(f"DROP DATABASE {name} WITH (FORCE)")
