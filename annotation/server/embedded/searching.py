"""A search as SQL: text and filters into one condition, the order, a page of it; and counts of metadata."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from argilla_server.errors.future import UnprocessableEntityError
from argilla_server.search_engine import FloatMetadataMetrics, IntegerMetadataMetrics, Order, TermsMetrics, TextQuery
from sqlalchemy.ext.asyncio import AsyncSession

from . import filters
from .index import Searchable, rows
from .query_text import QueryError, expression, parse
from .sql import EVERYTHING, NOTHING, Sql, every, sql
from .values import ValueMeaningError

# What Elasticsearch returns at most of a property's different values.
MOST_TERMS = 2**14
# Prime, so that a multiple is a permutation of what is smaller; a product of two such fits SQLite's integers.
_PRIME = 2**31 - 1
# Integers of more digits are no integers to Elasticsearch either (its `long` ends at 9.2e18).
_LARGEST = 9e18


class Asked(NamedTuple):
    """What a search asks for, about `m`, a row of assay_records: the dataset's, the filter, and the text.

    `scores` is (rowid, score) of what the text finds, another way to say it; null where nothing can be scored.
    """

    dataset: Sql
    kept: Sql
    text: Sql
    scores: Sql | None
    names: filters.Names

    @property
    def where(self) -> Sql:
        """All of it as one condition."""
        return every([self.dataset, self.kept, self.text])

    @property
    def restricted(self) -> bool:
        """Whether less than the whole dataset is asked for."""
        return (self.kept, self.text) != (EVERYTHING, EVERYTHING)


class Page(NamedTuple):
    """Records' ids with their scores, in order, and how many there are in all."""

    items: list[tuple[UUID, float | None]]
    total: int


class _Text(NamedTuple):
    where: Sql
    scores: Sql | None = None


async def ask(
    session: AsyncSession,
    dataset_id: str,
    searchable: Searchable,
    query: TextQuery | str | None,
    wanted: Any,
    sort: Sequence[Order] | None = None,
) -> Asked:
    """Text and filter together. Raises UnprocessableEntityError (422) when one of them cannot be evaluated."""
    names = await _names(session, dataset_id) if wanted or sort else filters.Names({}, {})
    try:
        text = _text(query, searchable)
        kept = filters.condition(wanted, names) if wanted else EVERYTHING
    except (QueryError, ValueMeaningError) as error:
        raise UnprocessableEntityError(str(error)) from None
    return Asked(sql("m.dataset_id = {}", dataset_id), kept, text.where, text.scores, names)


async def page(
    session: AsyncSession,
    asked: Asked,
    sort: Sequence[Order] | None,
    user_id: UUID | str | None,
    offset: int,
    limit: int,
) -> Page:
    """Without a sort: best match first, then the user's own order, then as they came; scores only then."""
    scores = asked.scores if not sort else None
    if scores:
        hits = sql(
            "SELECT m.key, t.score FROM ({}) t JOIN assay_records m ON m.key = t.rowid WHERE {}", scores, asked.where
        )
    else:
        hits = sql("SELECT m.key, {} FROM assay_records m WHERE {}", Sql("NULL" if sort else "1.0"), asked.where)
    # The hits first, by key alone: what sorts and counts them then carries little.
    start = sql("WITH hit (key, score) AS MATERIALIZED ({})", hits)
    found = await rows(
        session,
        sql(
            "{} SELECT m.record_id, hit.score, (SELECT count(*) FROM hit) FROM hit JOIN assay_records m "
            "ON m.key = hit.key ORDER BY {} LIMIT {} OFFSET {}",
            start,
            _order(filters.order(sort, asked.names) if sort else _unsorted(scores is not None, user_id)),
            limit,
            offset,
        ),
    )
    total = found[0][2] if found else 0
    if not found and offset:
        [(total,)] = await rows(session, sql("{} SELECT count(*) FROM hit", start))
    return Page([(UUID(hex=record_id), score) for record_id, score, _ in found], total)


async def terms(session: AsyncSession, property_name: str, dataset_id: str) -> TermsMetrics:
    """How many records have each value of a metadata property, the most frequent first."""
    value = filters.in_json("terms")
    # As bytes: what is stored may be no proper text.
    grouped = sql(
        f"SELECT CAST({value} AS BLOB) AS term, count(DISTINCT m.key) AS records FROM {{}} AND ({value}) IS NOT NULL "
        "GROUP BY term",
        _metadata(property_name, dataset_id),
    )
    found = await rows(
        session,
        sql(
            "SELECT term, records, sum(records) OVER () FROM ({}) ORDER BY records DESC, term LIMIT {}",
            grouped,
            MOST_TERMS,
        ),
    )
    counts = [(bytes(term).decode("utf-8", "replace"), count) for term, count, _ in found]
    return TermsMetrics(
        total=found[0][2] if found else 0,
        values=[TermsMetrics.TermCount(term=term, count=count) for term, count in counts],
    )


async def extremes(session: AsyncSession, property_name: str, dataset_id: str, kind: str) -> Any:
    """The smallest and the largest number of a metadata property, null where no record has one."""
    numbers = sql(f"SELECT {filters.in_json(kind)} AS n FROM {{}}", _metadata(property_name, dataset_id))
    [(least, most)] = await rows(session, sql("SELECT min(n), max(n) FROM ({}) WHERE abs(n) <= {}", numbers, _LARGEST))
    if kind == "integer":
        return IntegerMetadataMetrics(min=_whole(least), max=_whole(most))
    return FloatMetadataMetrics(min=least, max=most)


def _metadata(property_name: str, dataset_id: str) -> Sql:
    return sql("assay_records m, {} WHERE m.dataset_id = {}", filters.metadata_values(property_name), dataset_id)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _text(query: TextQuery | str | None, searchable: Searchable) -> _Text:
    asked, field = (query, None) if isinstance(query, str | None) else (query.q, query.field)
    if asked is None or not asked.strip():
        return _Text(EVERYTHING)
    node = parse(asked)
    if node is None or (field and field not in searchable.columns):  # no words; an image
        return _Text(NOTHING)
    match = expression(node)
    if match.expression is None:
        return _Text(EVERYTHING if match.negated else NOTHING)
    wanted = f"{{{searchable.columns[field]}}} : {match.expression}" if field else match.expression
    table = searchable.table
    hits = sql(f"SELECT rowid FROM {table} WHERE {table} MATCH {{}}", wanted)
    if match.negated:
        return _Text(sql("m.key NOT IN ({})", hits))
    scores = sql(f"SELECT rowid, -bm25({table}) AS score FROM {table} WHERE {table} MATCH {{}}", wanted)
    return _Text(sql("m.key IN ({})", hits), scores)


async def _names(session: AsyncSession, dataset_id: str) -> filters.Names:
    kind = "json_extract(settings, '$.type')"
    found = await rows(
        session,
        sql(
            f"SELECT name, id, {kind} FROM questions WHERE dataset_id = {{}} "
            f"UNION ALL SELECT name, NULL, {kind} FROM metadata_properties WHERE dataset_id = {{}}",
            dataset_id,
            dataset_id,
        ),
    )
    return filters.Names(
        {name: filters.Question(question_id, kind) for name, question_id, kind in found if question_id},
        {name: kind for name, question_id, kind in found if not question_id},
    )


def _unsorted(scored: bool, user_id: UUID | str | None) -> list[Sql]:
    return [*([Sql("hit.score DESC")] if scored else []), *([_own_order(str(user_id))] if user_id else [])]


def _order(parts: Sequence[Sql]) -> Sql:
    parts = [*parts, Sql("m.key")]
    return Sql(", ".join(part.text for part in parts), tuple(value for part in parts for value in part.parameters))


def _own_order(user_id: str) -> Sql:
    """A stable order that differs from user to user, so that two do not meet at the same records."""
    digest = hashlib.sha256(user_id.encode()).digest()
    factor, shift, bend = (1 + int.from_bytes(digest[at : at + 8]) % (_PRIME - 1) for at in (0, 8, 16))
    # A multiple alone would step through the records in strides, and meet every third record in a row.
    mixed = f"((m.key * {factor} + {shift}) % {_PRIME})"
    return Sql(f"({mixed} * {mixed} % {_PRIME} * {bend} + {mixed}) % {_PRIME}")
