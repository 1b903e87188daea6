"""What tests in every folder share: records made of a few words, and a PostgreSQL server."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import settings

from schemas.record import RECORD_SCHEMA, Kind

# As the command line has it: errors are told by us, not logged by Prefect with a traceback. Set before
# any test imports Prefect, which reads it once.
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")

# How long an example takes says nothing on a shared machine.
settings.register_profile("assay", deadline=None)
settings.load_profile("assay")

# Set where everything that tests need is installed: then only what is said here may be missing.
SKIP_NOTHING = "ASSAY_TESTS_SKIP_NOTHING"
MAY_SKIP = (
    "beside the project",
    "beside this folder",
    "is not here",
    "root may read everything",
    "not a git checkout",
    "in this form is",  # a statement that only the other database knows
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `long` is run by `make long`; CI has a shorter test of the same beside it."""
    if os.environ.get("ASSAY_TESTS_LONG") != "1":
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that could not run has not passed."""
    report = yield
    if os.environ.get(SKIP_NOTHING) and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(words in reason for words in MAY_SKIP):
            report.outcome, report.longrepr = "failed", f"must not be skipped here: {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _one_contract_process() -> Iterator[None]:
    """Of a session's hundreds of runs the first one alone waits for the import of Great Expectations."""
    from checks.contract.process import one_process_for_many_runs

    with one_process_for_many_runs():
        yield


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of pages go: into the guides with ASSAY_SCREENSHOTS=1, else nowhere that stays."""
    if os.environ.get("ASSAY_SCREENSHOTS") == "1":
        return Path(__file__).parents[1] / "docs" / "images"
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="session")
def keep() -> Callable[[bytes, Path], None]:
    """Writes a picture; with a palette where Pillow is there: a third of the bytes, and small marks keep colour."""
    return _keep


def _keep(picture: bytes, path: Path) -> None:
    path.write_bytes(picture)
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(path) as image:
        few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


MARKS = ("end", "im_end", "im_start", "system", "user", "assistant", "tool", "tools", "pad")


@pytest.fixture(scope="session")
def byte_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | None], Path]:
    """Makes a folder with a tokenizer whose tokens are bytes and `<|mark|>` for each of MARKS, and a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    marks = [f"<|{name}|>" for name in MARKS]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={token: at for at, token in enumerate([*marks, *letters])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(marks)

    def write(template: str | None) -> Path:
        folder = tmp_path_factory.mktemp("tokenizer")
        made.save(str(folder / "tokenizer.json"))
        described = {"bos_token": "<|system|>", "eos_token": "<|end|>", "pad_token": "<|pad|>"}
        described["tokenizer_class"] = "PreTrainedTokenizerFast"
        (folder / "tokenizer_config.json").write_text(json.dumps(described))
        if template is not None:
            (folder / "chat_template.jinja").write_text(template)
        return folder

    return write


TURN = dict.fromkeys(("role", "content", "name", "tool_calls", "tool_call_id", "train"))


@pytest.fixture(scope="session")
def make_records() -> Callable[[list[dict[str, Any]]], pl.DataFrame]:
    """A frame of records from dicts of any of their columns; the rest is filled in sensibly.

    `prompt` and `completion` make the messages where none are given. `record_id` is the SHA-256 of both,
    `row_id` and `source_row` count, `source` is test.jsonl and `kind` sft. Turns may leave out keys.
    """
    return _frame


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([_record(number, row) for number, row in enumerate(rows)], schema=RECORD_SCHEMA)


def _record(number: int, row: dict[str, Any]) -> dict[str, Any]:
    unknown = row.keys() - RECORD_SCHEMA.keys()
    assert not unknown, f"no such column: {unknown}"
    content = f"{row.get('prompt')}\0{row.get('completion')}".encode("utf-8", "surrogatepass")
    defaults: dict[str, Any] = {
        **dict.fromkeys(RECORD_SCHEMA),
        "row_id": number,
        "record_id": hashlib.sha256(content).hexdigest(),
        "source": "test.jsonl",
        "source_row": number + 1,
        "part": 0,
        "kind": Kind.SFT.value,
        "messages": _said(row),
    }
    record = defaults | row
    return record | {key: _turns(record[key]) for key in ("messages", "chosen", "rejected")}


def _said(row: dict[str, Any]) -> list[dict[str, Any]]:
    user = {"role": "user", "content": row.get("prompt") or ""}
    completion = row.get("completion")
    return [user] if completion is None else [user, {"role": "assistant", "content": completion}]


def _turns(turns: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    return None if turns is None else [TURN | turn for turn in turns]


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
