"""The search engine `assay` for Argilla: the database is the index, so nothing can get out of step.

Importing this module registers it. State is in the database and in the modules beside; instances hold none.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from argilla_server.errors.future import UnprocessableEntityError
from argilla_server.models import Dataset, MetadataProperty, Record, User, VectorSettings
from argilla_server.search_engine import (
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    Order,
    SearchEngine,
    SearchResponseItem,
    SearchResponses,
    TermsMetrics,
    TextQuery,
)
from argilla_server.settings import settings
from sqlalchemy.ext.asyncio import AsyncSession

from . import filters, index, vectors
from .index import Searchable, rows, session_of
from .query_text import QueryError, expression, parse
from .sql import EVERYTHING, NOTHING, Sql, every, sql
from .values import ValueMeaningError

NAME = "assay"

# What Elasticsearch returns at most of a property's different values.
MOST_TERMS = 2**14
# Fewer rows are multiplied in less time than it takes to ask a thread.
THREAD_ROWS = 2000
# Prime, so that a multiple is a permutation of what is smaller; its square fits SQLite's integers.
_PRIME = 2**31 - 1


class _Text:
    """A text query: the condition that it is, and where it has scores, the table `hit (key, score)` with them."""

    def __init__(self, where: Sql, hits: Sql | None = None) -> None:
        self.where, self.hits = where, hits


class AssayEngine(SearchEngine):
    """Argilla's search on its own SQLite database."""

    @classmethod
    async def new_instance(cls) -> "AssayEngine":
        if not settings.database_is_sqlite:
            raise RuntimeError(
                f"the search engine {NAME!r} searches SQLite only, and ARGILLA_DATABASE_URL names another database; "
                "set ARGILLA_SEARCH_ENGINE to elasticsearch or opensearch"
            )
        return cls()

    async def close(self) -> None:
        """Nothing is open: sessions are closed by who opened them."""

    async def ping(self) -> bool:
        """At the server's start: makes what search needs and is missing. Raises when SQLite cannot."""
        await index.make_all()
        return True

    async def info(self) -> dict[str, Any]:
        """What /api/v1/status shows to everybody."""
        return {"name": NAME}

    async def create_index(self, dataset: Dataset) -> None:
        """At publishing, and by `search-engine reindex`."""
        await index.make(dataset.id.hex)

    async def delete_index(self, dataset: Dataset) -> None:
        await index.remove(dataset.id.hex)

    # The triggers have done what the following seven would.

    async def configure_metadata_property(self, dataset: Any, metadata_property: Any) -> None: ...

    async def index_records(self, dataset: Any, records: Any) -> None: ...

    async def partial_record_update(self, record: Any, **update: Any) -> None: ...

    async def delete_records(self, dataset: Any, records: Any) -> None: ...

    async def update_record_response(self, response: Any) -> None: ...

    async def delete_record_response(self, response: Any) -> None: ...

    async def update_record_suggestion(self, suggestion: Any) -> None: ...

    async def delete_record_suggestion(self, suggestion: Any) -> None: ...

    async def get_dataset_progress(self, dataset: Dataset) -> dict[str, int]:
        """Records by status, and `total`; empty for a draft."""
        if dataset.is_draft:
            return {}
        async with session_of(dataset) as session:
            await index.ready(session, dataset.id.hex)
            found = await rows(
                session,
                sql("SELECT status, count(*) FROM assay_records WHERE dataset_id = {} GROUP BY status", dataset.id.hex),
            )
        return _counted(found)

    async def get_dataset_user_progress(self, dataset: Dataset, user: User) -> dict[str, int]:
        """A user's responses by status, and `total`; empty for a draft."""
        if dataset.is_draft:
            return {}
        async with session_of(dataset) as session:
            await index.ready(session, dataset.id.hex)
            found = await rows(
                session,
                sql(
                    "SELECT x.status, count(*) FROM responses x JOIN assay_records m ON m.record_id = x.record_id "
                    "WHERE x.user_id = {} AND m.dataset_id = {} GROUP BY x.status",
                    user.id.hex,
                    dataset.id.hex,
                ),
            )
        return _counted(found)

    async def search(
        self,
        dataset: Dataset,
        query: TextQuery | str | None = None,
        filter: Any = None,
        sort: list[Order] | None = None,
        offset: int = 0,
        limit: int = 100,
        user_id: UUID | str | None = None,
    ) -> SearchResponses:
        """A page of records. Without a sort: best match first, then each user's own order, then as they came.

        Scores are given without a sort only, and are 1 without a text. Raises UnprocessableEntityError (422) when
        the query is too big, or a filter's value cannot mean what it is compared with.
        """
        if dataset.is_draft:
            return SearchResponses(items=[], total=0)
        async with session_of(dataset) as session:
            searchable = await index.ready(session, dataset.id.hex)
            text = _text(query, searchable)
            names = await _names(session, dataset) if filter or sort else filters.Names({}, {})
            where = _where(dataset, text, filter, names)
            scored = text.hits if not sort else None
            start = sql("WITH hit (key, score) AS MATERIALIZED ({}) ", scored) if scored else Sql("")
            source = sql(
                "FROM assay_records m {} WHERE {}", Sql("JOIN hit ON hit.key = m.key" if scored else ""), where
            )
            order = _order(scored is not None, filters.order(sort, names) if sort else None, user_id)
            page = await rows(
                session,
                sql(
                    "{} SELECT m.record_id, {}, count(*) OVER () {} ORDER BY {} LIMIT {} OFFSET {}",
                    start,
                    Sql("hit.score" if scored else "NULL" if sort else "1.0"),
                    source,
                    order,
                    limit,
                    offset,
                ),
            )
            if page or not offset:
                total = page[0][2] if page else 0
            else:
                [(total,)] = await rows(session, sql("{} SELECT count(*) {}", start, source))
        items = [SearchResponseItem(record_id=UUID(hex=record_id), score=score) for record_id, score, _ in page]
        return SearchResponses(items=items, total=total)

    async def similarity_search(
        self,
        dataset: Dataset,
        vector_settings: VectorSettings,
        value: list[float] | None = None,
        record: Record | None = None,
        query: TextQuery | str | None = None,
        filter: Any = None,
        max_results: int = 100,
        order: Any = "most_similar",
        threshold: float | None = None,
    ) -> SearchResponses:
        """The records whose vectors point most, or least, like that of a record or a given one.

        Scores go from 0 to 1, 1 for what was asked for. `total` counts what is returned. Raises ValueError unless
        one of value and record is given, UnprocessableEntityError (422) as `search` does and when the vector's
        length is another.
        """
        if bool(value) == bool(record):
            raise ValueError("Must provide either vector value or record to compute the similarity search")
        wanted = _unit(value or (record.vector_value_by_vector_settings(vector_settings) if record else None))
        if len(wanted) != vector_settings.dimensions:
            raise UnprocessableEntityError(
                f"Vector `{vector_settings.name}` has {vector_settings.dimensions} numbers, not {len(wanted)}"
            )
        if dataset.is_draft:
            return SearchResponses(items=[], total=0)
        async with session_of(dataset) as session:
            searchable = await index.ready(session, dataset.id.hex)
            among = await _among(session, dataset, _text(query, searchable), filter)

            async def read(statement: Sql) -> Sequence[Any]:
                return await rows(session, statement)

            held = await vectors.current(read, vector_settings.id.hex, dataset.id.hex, vector_settings.dimensions)
            but = await _keys(session, [record.id.hex]) if record else []
            sign = -1 if order == "least_similar" else 1
            hits = await _nearest(held, wanted, max_results, sign, among, but[0] if but else 0)
            found = dict(
                await rows(
                    session,
                    sql(
                        "SELECT key, record_id FROM assay_records WHERE key IN (SELECT value FROM json_each({}))",
                        str(hits.keys.tolist()),
                    ),
                )
            )
        items = [
            SearchResponseItem(record_id=UUID(hex=found[key]), score=score)
            for key, score in zip(hits.keys.tolist(), hits.scores.tolist(), strict=True)
            if key in found and (threshold is None or score >= threshold)
        ]
        return SearchResponses(items=items, total=len(items))

    async def compute_metrics_for(self, metadata_property: MetadataProperty) -> Any:
        """What values a metadata property has: terms by count, or the smallest and the largest number."""
        kind = str(metadata_property.type)
        dataset_id = metadata_property.dataset_id.hex
        async with session_of(metadata_property) as session:
            await index.ready(session, dataset_id)
            source = sql(
                "assay_records m, {} WHERE m.dataset_id = {}", filters.metadata_values(metadata_property.name), dataset_id
            )
            if kind == "terms":
                return await _terms(session, source)
            return await _extremes(session, source, kind)


SearchEngine.register(NAME)(AssayEngine)


def _counted(found: Sequence[Any]) -> dict[str, int]:
    return {"total": sum(count for _, count in found), **dict(map(tuple, found))}


def _text(query: TextQuery | str | None, searchable: Searchable) -> _Text:
    if query is None:
        return _Text(EVERYTHING)
    asked, field = (query, None) if isinstance(query, str) else (query.q, query.field)
    if not asked.strip():
        return _Text(EVERYTHING)
    if field and field not in searchable.columns:  # an image
        return _Text(NOTHING)
    try:
        node = parse(asked)
        match = expression(node) if node else None
    except QueryError as error:
        raise UnprocessableEntityError(str(error)) from None
    if match is None:
        return _Text(NOTHING)
    if match.expression is None:
        return _Text(EVERYTHING if match.negated else NOTHING)
    wanted = f"{{{searchable.columns[field]}}} : {match.expression}" if field else match.expression
    table = searchable.table
    rowids = sql(f"SELECT rowid FROM {table} WHERE {table} MATCH {{}}", wanted)
    if match.negated:
        return _Text(sql("m.key NOT IN ({})", rowids))
    return _Text(sql("m.key IN ({})", rowids), sql(f"SELECT rowid, -bm25({table}) FROM {table} WHERE {table} MATCH {{}}", wanted))


async def _names(session: AsyncSession, dataset: Dataset) -> filters.Names:
    questions = await rows(
        session,
        sql("SELECT name, id, json_extract(settings, '$.type') FROM questions WHERE dataset_id = {}", dataset.id.hex),
    )
    properties = await rows(
        session,
        sql(
            "SELECT name, json_extract(settings, '$.type') FROM metadata_properties WHERE dataset_id = {}",
            dataset.id.hex,
        ),
    )
    return filters.Names(
        {name: filters.Question(question_id, kind) for name, question_id, kind in questions}, dict(map(tuple, properties))
    )


def _where(dataset: Dataset, text: _Text, wanted: Any, names: filters.Names) -> Sql:
    try:
        filtered = filters.condition(wanted, names) if wanted else EVERYTHING
    except ValueMeaningError as error:
        raise UnprocessableEntityError(str(error)) from None
    return every([sql("m.dataset_id = {}", dataset.id.hex), filtered, text.where])


def _order(scored: bool, sort: list[Sql] | None, user_id: UUID | str | None) -> Sql:
    parts = sort if sort is not None else [Sql("hit.score DESC")] if scored else []
    if sort is None and user_id is not None:
        parts = [*parts, _own_order(str(user_id))]
    parts = [*parts, Sql("m.key")]
    return Sql(", ".join(part.text for part in parts), tuple(value for part in parts for value in part.parameters))


def _own_order(user_id: str) -> Sql:
    """A stable order that differs from user to user, so that two do not meet at the same records."""
    digest = hashlib.sha256(user_id.encode()).digest()
    factor, shift, bend = (1 + int.from_bytes(digest[at : at + 8]) % (_PRIME - 1) for at in (0, 8, 16))
    # A multiple alone would step through the records in strides, and meet every third record in a row.
    mixed = f"((m.key * {factor} + {shift}) % {_PRIME})"
    return Sql(f"({mixed} * {mixed} % {_PRIME} * {bend} + {mixed}) % {_PRIME}")


def _unit(value: Sequence[float] | None) -> npt.NDArray[np.float32]:
    return vectors.unit(np.array(value or [], dtype=np.float64))


async def _keys(session: AsyncSession, record_ids: list[str]) -> list[int]:
    return [key for (key,) in await rows(session, sql("SELECT key FROM assay_records WHERE record_id IN {}", record_ids))]


async def _among(session: AsyncSession, dataset: Dataset, text: _Text, wanted: Any) -> npt.NDArray[np.int64] | None:
    """The keys of the records that text and filter leave; null when neither is given."""
    if not wanted and text.where == EVERYTHING:
        return None
    names = await _names(session, dataset) if wanted else filters.Names({}, {})
    found = await rows(session, sql("SELECT m.key FROM assay_records m WHERE {}", _where(dataset, text, wanted, names)))
    return np.array([key for (key,) in found], dtype=np.int64)


async def _nearest(
    held: vectors.Held,
    wanted: npt.NDArray[np.float32],
    most: int,
    sign: int,
    among: npt.NDArray[np.int64] | None,
    but: int,
) -> vectors.Hits:
    def compute() -> vectors.Hits:
        return vectors.nearest(held, wanted, most, sign=sign, among=among, but=but)

    return await asyncio.to_thread(compute) if len(held.keys) > THREAD_ROWS else compute()


async def _terms(session: AsyncSession, source: Sql) -> TermsMetrics:
    # As bytes: what is stored may be no proper text.
    value = filters.in_json("terms")
    grouped = sql(
        f"SELECT CAST({value} AS BLOB) AS term, count(DISTINCT m.key) AS records FROM {{}} AND ({value}) IS NOT NULL "
        "GROUP BY term",
        source,
    )
    found = await rows(
        session,
        sql("SELECT term, records, sum(records) OVER () FROM ({}) ORDER BY records DESC, term LIMIT {}", grouped, MOST_TERMS),
    )
    return TermsMetrics(
        total=found[0][2] if found else 0,
        values=[TermsMetrics.TermCount(term=bytes(term).decode("utf-8", "replace"), count=count) for term, count, _ in found],
    )


async def _extremes(session: AsyncSession, source: Sql, kind: str) -> Any:
    found = await rows(
        session, sql(f"SELECT min(n), max(n) FROM (SELECT {filters.in_json(kind)} AS n FROM {{}}) WHERE abs(n) < 9e18", source)
    )
    [(least, most)] = found
    if kind == "integer":
        return IntegerMetadataMetrics(min=_whole(least), max=_whole(most))
    return FloatMetadataMetrics(min=least, max=most)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
