"""The store: decisions and costs in SQLite or PostgreSQL, opened at its newest schema, errors in one line.

Whoever begins a transaction on a store begins it for writing: SQLite then lets nobody else write until it
ends, so what was read stays true. `reading` is for those who only look, and blocks nobody.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from annotation.home import database_url
from annotation.store.store_errors import explained, place
from annotation.store.tables import METADATA
from schemas.errors import StoreError

HEAD = "0002"
"""The newest revision under migrations/versions."""

VERSION_TABLE = "assay_version"
"""Holds the revision that a database is at. Alembic's default name may be taken in a shared PostgreSQL."""

# How long a process waits for another's transaction. Pulling 10,000 responses holds it for seconds.
_PATIENCE_SECONDS = 30.0
_CONNECT_SECONDS = 10
# Any number that no other program locks: "assay" in ASCII.
_MIGRATION_LOCK = 0x6173736179
# Below what either database takes as parameters of one statement (32,766 and 65,535).
_PARAMETERS = 5_000


def open_store(url: str | None = None) -> Engine:
    """The database at `url` (default: home.database_url()), made where there is none, at the newest schema.

    Any number of processes may open it at once. Every error of the database that is not a broken constraint
    leaves this engine as StoreError. Raises StoreError where it cannot be opened, is another program's, or
    was made by a newer Assay.
    """
    where = _parsed(url)
    if where.get_backend_name() == "sqlite":
        _make_file(where)
    engine = _engine(where)
    try:
        _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_existing(url: str | None = None) -> Engine | None:
    """The database at `url` where there is one of ours, and null otherwise; makes none.

    One of an older schema is brought to the newest. Raises StoreError as `open_store` does.
    """
    where = _parsed(url)
    if where.get_backend_name() == "sqlite" and (file := _file(where)) and not os.path.exists(file):
        return None
    engine = _engine(where)
    try:
        with reading(engine) as connection:
            ours = _revision(connection) is not None
        if ours:
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    if not ours:
        engine.dispose()
        return None
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to look with: all its queries see one moment, and it keeps nobody from writing."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            yield connection.execution_options(assay_reading=True)
        else:
            yield connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def as_utc(moment: datetime) -> datetime:
    """`moment` in UTC, as the tables hold it; one without a zone is UTC already, as SQLite returns it."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def rows_in(
    connection: Connection, query: sa.Select[Any], column: sa.ColumnElement[Any], values: Sequence[str]
) -> Iterator[sa.Row[Any]]:
    """The rows of `query` whose `column` is among `values`, however many there are."""
    for start in range(0, len(values), _PARAMETERS):
        yield from connection.execute(query.where(column.in_(values[start : start + _PARAMETERS])))


def _parsed(url: str | None) -> URL:
    """The URL with our drivers. Its text is not repeated in errors: it may hold a password."""
    try:
        where = make_url(url or database_url())
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "ASSAY_DATABASE_URL is no database URL; write it as sqlite:////folder/file.db or "
            "postgresql://user:password@host:5432/database, with / : @ in a password as %2F %3A %40"
        ) from error
    backend = where.get_backend_name()
    if backend in ("postgres", "postgresql"):
        return where.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StoreError(f"{backend} is no database that Assay keeps its store in; use sqlite or postgresql")
    if not where.database or where.database == ":memory:" or "mode=memory" in where.database:
        raise StoreError("a database in memory forgets what was paid; name a file: sqlite:////folder/file.db")
    return where.set(drivername="sqlite")


def _file(where: URL) -> Path | None:
    """The file of an SQLite database; null where it is named by SQLite's own kind of URI."""
    name = where.database or ""
    return None if name.startswith("file:") else Path(name)


def _make_file(where: URL) -> None:
    """Makes folder and file where they are missing, for nobody else's eyes: they hold people's answers."""
    file = _file(where)
    if file is None:
        return
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise StoreError(f"{place(where)}: cannot be made ({said}); set ASSAY_HOME or ASSAY_DATABASE_URL") from error


def _engine(where: URL) -> Engine:
    sqlite = where.get_backend_name() == "sqlite"
    if sqlite:
        options: dict[str, Any] = {"connect_args": {"timeout": _PATIENCE_SECONDS}}
    else:
        waits = {} if "connect_timeout" in where.query else {"connect_timeout": _CONNECT_SECONDS}
        options = {"connect_args": waits, "isolation_level": "READ COMMITTED", "pool_pre_ping": True}
    try:
        engine = sa.create_engine(where, **options)
    except ImportError as error:
        raise StoreError(f"{place(where)}: needs the package psycopg; pip install 'psycopg[binary]'") from error
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "handle_error", _refuse)
    return engine


def _refuse(context: ExceptionContext) -> None:
    """Broken constraints are the caller's to judge; all else of the database's errors becomes one line."""
    error = context.sqlalchemy_exception
    if not isinstance(error, DBAPIError) or isinstance(error, IntegrityError):
        return
    engine = context.engine
    assert engine is not None, "only engines are listened to"
    raise StoreError(explained(engine.url, str(error.orig))) from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """A new connection: transactions are begun by us alone, and nothing that was committed is ever lost."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    # Else INSERT OR REPLACE deletes an entry without asking the trigger.
    connection.execute("PRAGMA recursive_triggers = ON")
    _write_ahead(connection)


def _write_ahead(connection: Any) -> None:
    """Readers and one writer side by side. SQLite does not wait when it changes to that, so we do."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            return
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except connection.OperationalError as error:
            if "locked" not in str(error):
                return  # a file that can only be read is read as it is
        time.sleep(0.05)


def _begin_sqlite(connection: Connection) -> None:
    looks = connection.get_execution_options().get("assay_reading")
    connection.exec_driver_sql("BEGIN" if looks else "BEGIN IMMEDIATE")


def _revision(connection: Connection) -> str | None:
    """The revision that a database of ours is at; null for one without our tables."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE))).scalar()


def _migrate(engine: Engine) -> None:
    """To the newest revision, in one transaction that one process at a time runs."""
    with reading(engine) as connection:
        if _revision(connection) == HEAD:
            return
    with engine.begin() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        revision = _revision(connection)
        if revision is None:
            _nobody_elses(connection)
        if revision != HEAD:
            _run_migrations(connection, revision)


def _nobody_elses(connection: Connection) -> None:
    for name in sorted(set(METADATA.tables) & set(sa.inspect(connection).get_table_names())):
        where = place(connection.engine.url)
        raise StoreError(f"{where}: has a table {name!r} that is not Assay's; give Assay a database of its own")


def _run_migrations(connection: Connection, revision: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # A percent sign in the path would be read as a variable.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"{place(connection.engine.url)}: its schema is {revision}, newer than this Assay knows ({HEAD}); "
            "upgrade Assay, or name another database"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
