"""The store opens anywhere it can, says in one line where it cannot, and never tells a password."""

import os
import sqlite3
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import annotation
from annotation.store import database as database_module
from annotation.store.database import HEAD, VERSION_TABLE, as_utc, open_existing, open_store, reading, rows_in
from annotation.store.tables import ACCOUNTS, METADATA
from schemas.errors import StoreError


def refusal(act: Callable[[], Any]) -> str:
    """What a StoreError says: one line."""
    with pytest.raises(StoreError) as refused:
        act()
    said = str(refused.value)
    assert "\n" not in said
    return said


def test_migrations_make_exactly_the_tables_that_the_code_uses(database: str) -> None:
    engine = open_store(database)

    def ours(_object: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        return not (kind == "table" and name == VERSION_TABLE)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_the_newest_revision_is_the_one_the_code_expects_and_lies_in_the_package() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(annotation.__file__).parent / "store" / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_store_is_kept_and_opened_again(database: str) -> None:
    first = open_store()
    with first.begin() as connection:
        connection.execute(sa.insert(ACCOUNTS).values(project="assay", currency="USD"))
    first.dispose()
    for opened in (open_store(database), open_existing()):
        assert opened is not None
        with reading(opened) as connection:
            assert connection.execute(sa.select(ACCOUNTS)).all() == [("assay", "USD")]
        opened.dispose()


def test_looking_for_a_store_makes_none(database: str, tmp_path: Path) -> None:
    assert open_existing() is None
    assert not (tmp_path / "store").exists()
    open_store().dispose()
    found = open_existing(database)
    assert found is not None
    found.dispose()


def test_an_empty_file_is_no_store_yet(tmp_path: Path) -> None:
    (tmp_path / "assay.db").touch()
    assert open_existing(f"sqlite:///{tmp_path / 'assay.db'}") is None
    open_store(f"sqlite:///{tmp_path / 'assay.db'}").dispose()
    assert (tmp_path / "assay.db").stat().st_size > 0


def test_nobody_else_can_read_what_people_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "new"))
    open_store().dispose()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "assay.db").stat().st_mode) == 0o600


def test_postgresql_urls_are_taken_however_they_are_spelt(postgresql: Any) -> None:
    postgresql.sql("CREATE DATABASE spelling")
    url = postgresql.url("spelling")
    for spelt in ("postgres://", "postgresql://", "postgresql+psycopg://", "postgresql+psycopg2://"):
        engine = open_store(url.replace("postgresql://", spelt))
        assert engine.dialect.driver == "psycopg"
        engine.dispose()
    postgresql.sql("DROP DATABASE spelling")


def test_a_table_in_the_way_belongs_to_somebody_else(database: str) -> None:
    if database.startswith("sqlite"):
        Path(database.removeprefix("sqlite:///")).parent.mkdir()
    other = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with other.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE responses (id integer)")
    other.dispose()
    assert "has a table 'responses' that is not Assay's; give Assay a database of its own" in refusal(open_store)
    assert open_existing() is None


def test_a_newer_schema_is_left_alone(database: str) -> None:
    engine = open_store()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    engine.dispose()
    for act in (open_store, open_existing):
        said = refusal(act)
        assert f"its schema is 9999, newer than this Assay knows ({HEAD}); upgrade Assay" in said


def _readonly(path: Path) -> str:
    return f"sqlite:///file:{path}?mode=ro&uri=true"


def test_a_store_that_can_only_be_read_is_read_and_refuses_to_be_written(tmp_path: Path) -> None:
    file = tmp_path / "assay.db"
    open_store(f"sqlite:///{file}").dispose()
    engine = open_store(_readonly(file))
    with reading(engine) as connection:
        assert connection.execute(sa.select(ACCOUNTS)).all() == []

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(sa.insert(ACCOUNTS).values(project="assay", currency="USD"))

    assert "can only be read; make file and folder writable" in refusal(write)
    engine.dispose()
    (tmp_path / "empty.db").touch()
    assert "can only be read" in refusal(lambda: open_store(_readonly(tmp_path / "empty.db")))


def test_who_only_looks_cannot_write(postgresql: Any) -> None:
    postgresql.sql("CREATE DATABASE looking")
    engine = open_store(postgresql.url("looking"))

    def write() -> None:
        with reading(engine) as connection:
            connection.execute(sa.insert(ACCOUNTS).values(project="assay", currency="USD"))

    assert refusal(write).endswith("/looking: can only be read; use a server and a role that may write")
    engine.dispose()
    postgresql.sql("DROP DATABASE looking")


def test_a_role_without_rights_is_told_so(postgresql: Any) -> None:
    postgresql.sql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    url = f"postgresql://guest:guest@127.0.0.1:{postgresql.port}/postgres"
    assert "does not let this user make or change tables; grant that" in refusal(lambda: open_store(url))
    postgresql.sql("DROP ROLE guest")


def test_every_way_to_miss_a_server_has_its_own_answer(postgresql: Any, unused_port: int) -> None:
    right = postgresql.url("postgres")
    wrong = {
        right.replace(postgresql.password, "sesame"): "refuses this user and password",
        right.replace("assay:", "nobody:"): "refuses this user and password",
        right + "_of_old": 'the server answers, but database "postgres_of_old" does not exist; create it',
        f"postgresql://assay:sesame@127.0.0.1:{unused_port}/x": "cannot be reached; check host and port",
        "postgres://assay:sesame@no-such-host.invalid/x": "cannot be reached",
        "postgresql:///x?host=/no/such/folder&password=sesame": "cannot be reached",
        right + "?sesame=sesame": "the database refuses",
    }
    for url, said in wrong.items():
        told = refusal(lambda url=url: open_store(url))
        assert said in told
        assert postgresql.password not in told
        assert "sesame" not in told or "?sesame" in url


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_every_bad_file_has_its_own_answer(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear database,\n" * 1000)
    (tmp_path / "folder").mkdir()
    wrong = {
        f"sqlite:///{tmp_path / 'letter.txt'}": "letter.txt: is not an SQLite database; name another file",
        f"sqlite:///{tmp_path / 'folder'}": "folder: cannot be opened; check that it is a file",
        f"sqlite:///{tmp_path / 'letter.txt' / 'assay.db'}": "cannot be made (File exists); set ASSAY_HOME",
        "sqlite://": "a database in memory forgets what was paid; name a file",
        "sqlite:///:memory:": "a database in memory forgets",
        f"sqlite:///{tmp_path}/{'x' * 300}.db": "cannot be made (File name too long)",
        f"sqlite:///{tmp_path}/nul\0.db": "cannot be made (embedded null byte)",
    }
    for url, said in wrong.items():
        assert said in refusal(lambda url=url: open_store(url))


@pytest.mark.parametrize(
    "url",
    [
        "assay.db",
        "/data/sesame/assay.db",
        "postgresql://assay:sesame@host:port/assay",
        "postgresql://assay:sesame@[::1/assay",
        "://sesame",
        "sesame" * 1000,
    ],
)
def test_what_is_no_url_is_not_repeated(url: str) -> None:
    said = refusal(lambda: open_store(url))
    assert said.startswith(
        "ASSAY_DATABASE_URL is no database URL; write it as sqlite:////folder/file.db or postgresql:"
    )
    assert "sesame" not in said


def test_other_databases_are_declined_by_name() -> None:
    said = refusal(lambda: open_store("mysql://assay:sesame@host/assay"))
    assert said == "mysql is no database that Assay keeps its store in; use sqlite or postgresql"


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    said = refusal(lambda: open_store("postgresql://assay:sesame@host:5432/books"))
    assert said == "postgresql://host:5432/books: needs the package psycopg; pip install 'psycopg[binary]'"


def test_a_damaged_file_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "assay.db"
    open_store(f"sqlite:///{file}").dispose()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    assert "is damaged; restore it from a backup" in refusal(lambda: open_store(f"sqlite:///{file}"))


def test_who_waits_too_long_for_another_process_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_PATIENCE_SECONDS", 0.2)
    engine = open_store(f"sqlite:///{tmp_path / 'assay.db'}")
    holder = sqlite3.connect(tmp_path / "assay.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with reading(engine) as connection:
        assert connection.execute(sa.select(ACCOUNTS)).all() == []  # looking needs no turn
    assert "was held by another process for too long" in refusal(lambda: engine.begin().__enter__())
    holder.close()
    engine.dispose()


def test_two_moments_of_one_instant_are_stored_alike() -> None:
    tokyo = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=9)))
    assert as_utc(tokyo) == datetime(2025, 12, 31, 18, tzinfo=UTC)
    assert as_utc(datetime(2025, 12, 31, 18)) == as_utc(tokyo)


def test_more_names_than_a_statement_takes_are_all_found(database: str) -> None:
    engine = open_store()
    names = [f"p{number}" for number in range(12_000)]
    with engine.begin() as connection:
        connection.execute(sa.insert(ACCOUNTS), [{"project": name, "currency": "USD"} for name in names])
        found = rows_in(connection, sa.select(ACCOUNTS.c.project), ACCOUNTS.c.project, [*names, "nobody"])
        assert {row.project for row in found} == set(names)
    engine.dispose()


def test_the_working_folder_may_hold_percent_signs(tmp_path: Path) -> None:
    os.makedirs(tmp_path / "50% off")
    open_store(f"sqlite:///{tmp_path / '50% off' / 'assay.db'}").dispose()
