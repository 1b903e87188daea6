"""The search tables of a running server: its connections' functions, and the tables made when they are missing.

Imported in every process that writes to Argilla's database: the triggers call the functions registered here, and
a connection without them is refused loudly by SQLite.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from argilla_server.database import AsyncSessionLocal, async_engine
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_object_session

from . import tables, vectors
from .sql import Sql, sql
from .values import NUMBER_FUNCTION, number_of
from .words import WORDS_FUNCTION, stored_words

# Making the tables of 50,000 records takes about 20 s; whoever else writes meanwhile waits that long.
BUSY_MS = 120_000


class Searchable(NamedTuple):
    """A dataset that can be searched: its text table, and which column has which field's words."""

    table: str
    columns: dict[str, str]


# By dataset: the schema's version when its tables were last seen to be right.
_SEEN: dict[str, tuple[int, Searchable]] = {}
_MAKING = asyncio.Lock()


@event.listens_for(Engine, "connect")
def _functions(connection: Any, _: Any) -> None:
    # Other databases of the process have no such thing, and need none.
    if hasattr(connection, "create_function"):
        connection.create_function(WORDS_FUNCTION, 2, stored_words, deterministic=True)
        connection.create_function(tables.UNIT_FUNCTION, 1, vectors.unit_blob, deterministic=True)
        connection.create_function(NUMBER_FUNCTION, 1, number_of, deterministic=True)


@asynccontextmanager
async def session_of(instance: Any) -> AsyncIterator[AsyncSession]:
    """The session that an object of Argilla's came from, so that its transaction's view is ours; else a new one."""
    if (session := async_object_session(instance)) is not None:
        yield session
        return
    async with AsyncSessionLocal() as session:
        yield session


async def rows(session: AsyncSession, statement: Sql) -> Sequence[Any]:
    """All rows of a statement."""
    return await _rows(await session.connection(), statement)


async def ready(session: AsyncSession, dataset_id: str) -> Searchable:
    """The dataset's search tables, made from Argilla's own where they are missing or of another make."""
    [(version,)] = await rows(session, Sql("PRAGMA schema_version"))
    seen = _SEEN.get(dataset_id)
    if seen is None or seen[0] != version:
        connection = await session.connection()
        fields = await _fields(connection, dataset_id)
        wanted = tables.text(dataset_id, fields)
        if not await _there(connection, [*tables.SHARED, wanted]):
            await make(dataset_id)
            [(version,)] = await rows(session, Sql("PRAGMA schema_version"))
        columns = {field: f"c{place}" for place, field in enumerate(fields)}
        _SEEN[dataset_id] = seen = (version, Searchable(tables.text_name(dataset_id), columns))
    return seen[1]


async def make(dataset_id: str) -> None:
    """Make what is missing of a dataset's search tables and of those that all share, in one transaction."""
    async with _MAKING, _writing() as connection:
        await _make_shared(connection)
        await _make_text(connection, dataset_id)


async def make_all() -> None:
    """Make what is missing of all published datasets' search tables, and drop those of datasets that are gone.

    At each start: a trigger that names what is missing, or a function of older code, would stop all writing.
    """
    async with _MAKING, _writing() as connection:
        await _make_shared(connection)
        found = await _rows(connection, Sql("SELECT id FROM datasets WHERE status = 'ready'"))
        for (dataset_id,) in found:
            await _make_text(connection, dataset_id)
        known = {tables.text_name(dataset_id) for (dataset_id,) in found}
        pattern = _pattern("CREATE VIRTUAL TABLE assay_text_")
        virtual = sql("SELECT name FROM sqlite_master WHERE sql LIKE {} ESCAPE '\\'", pattern)
        for (name,) in await _rows(connection, virtual):
            if name not in known:
                await _drop(connection, _pattern(name))


async def remove(dataset_id: str) -> None:
    """Drop a dataset's text table and its vectors in memory."""
    vectors.forget(dataset_id)
    _SEEN.pop(dataset_id, None)
    async with _MAKING, _writing() as connection:
        await _drop(connection, _pattern(tables.text_name(dataset_id)))


@asynccontextmanager
async def _writing() -> AsyncIterator[AsyncConnection]:
    """A connection that alone may write until the block ends; all of it happens, or nothing."""
    async with async_engine.connect() as connection:
        [(patience,)] = await _rows(connection, Sql("PRAGMA busy_timeout"))
        await connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_MS}")
        try:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            await connection.commit()
        finally:
            await connection.rollback()
            await connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience}")


async def _rows(connection: AsyncConnection, statement: Sql) -> Sequence[Any]:
    return (await connection.exec_driver_sql(statement.text, statement.parameters)).all()


async def _fields(connection: AsyncConnection, dataset_id: str) -> list[str]:
    """The names of a dataset's fields that have text."""
    return [
        name
        for (name,) in await _rows(
            connection,
            sql(
                "SELECT name FROM fields WHERE dataset_id = {} AND json_extract(settings, '$.type') <> 'image' "
                "ORDER BY inserted_at, id",
                dataset_id,
            ),
        )
    ]


async def _there(connection: AsyncConnection, wanted: Sequence[tables.Table]) -> bool:
    objects = {name: text for table in wanted for name, text in table.objects.items()}
    found = await _rows(connection, sql("SELECT name, sql FROM sqlite_master WHERE name IN {}", list(objects)))
    return dict(map(tuple, found)) == objects


async def _make_shared(connection: AsyncConnection) -> None:
    if not await _there(connection, tables.SHARED):
        # Keys are given anew, so nothing that knows the old ones may stay.
        await _drop(connection, _pattern("assay_"))
        for table in tables.SHARED:
            await _create(connection, table)


async def _make_text(connection: AsyncConnection, dataset_id: str) -> None:
    wanted = tables.text(dataset_id, await _fields(connection, dataset_id))
    if not await _there(connection, [wanted]):
        await _drop(connection, _pattern(tables.text_name(dataset_id)))
        await _create(connection, wanted)


async def _create(connection: AsyncConnection, table: tables.Table) -> None:
    first, *rest = table.objects.values()
    # Filled before its triggers hang on it, and those on it of others.
    for statement in (first, *table.fill, *rest):
        await connection.exec_driver_sql(statement)


async def _drop(connection: AsyncConnection, pattern: str) -> None:
    ours = sql("name LIKE {} ESCAPE '\\' AND sql IS NOT NULL", pattern)
    for kind in ("trigger", "table", "index"):
        found = await _rows(connection, sql("SELECT name, sql FROM sqlite_master WHERE type = {} AND {}", kind, ours))
        # The shadow tables of an FTS5 table go with it.
        virtual = [name for name, text in found if str(text).startswith("CREATE VIRTUAL")]
        for name, _ in found:
            if not any(name.startswith(f"{one}_") for one in virtual):
                await connection.exec_driver_sql(f"DROP {kind.upper()} IF EXISTS {tables.quoted_name(name)}")


def _pattern(start: str) -> str:
    """For LIKE: what begins so."""
    return start.replace("_", "\\_") + "%"
