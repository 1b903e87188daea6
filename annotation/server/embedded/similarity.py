"""Similarity search: vectors held in memory, compared among the records that text and filters leave."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from argilla_server.errors.future import UnprocessableEntityError
from argilla_server.models import Record, VectorSettings
from sqlalchemy.ext.asyncio import AsyncSession

from . import vectors
from .index import rows
from .searching import Asked
from .sql import Sql, sql

# Fewer rows are multiplied in less time than it takes to ask a thread.
THREAD_ROWS = 2000


def wanted(settings: VectorSettings, value: Sequence[float] | None, record: Record | None) -> npt.NDArray[np.float32]:
    """The direction to compare with. Raises UnprocessableEntityError (422) when its length is another."""
    if bool(value) == bool(record):
        raise ValueError("Must provide either vector value or record to compute the similarity search")
    numbers = value or (record.vector_value_by_vector_settings(settings) if record else None) or []
    if len(numbers) != settings.dimensions:
        raise UnprocessableEntityError(
            f"Vector `{settings.name}` has {settings.dimensions} numbers, not {len(numbers)}"
        )
    return vectors.unit(np.array(numbers, dtype=np.float64))


async def most_alike(
    session: AsyncSession,
    asked: Asked,
    settings: VectorSettings,
    direction: npt.NDArray[np.float32],
    but: UUID | None,
    most: int,
    sign: int,
) -> list[tuple[UUID, float]]:
    """Up to `most` records with their scores, best first, without the record `but`; `sign` -1 asks for the least."""

    async def read(statement: Sql) -> Sequence[Any]:
        return await rows(session, statement)

    among = await _keys(session, asked) if asked.restricted else None
    held = await vectors.current(read, settings.id.hex, settings.dataset_id.hex, settings.dimensions)

    def compute() -> vectors.Hits:
        return vectors.nearest(held, direction, most + (but is not None), sign=sign, among=among)

    hits = await asyncio.to_thread(compute) if len(held.keys) > THREAD_ROWS else compute()
    known = "SELECT key, record_id FROM assay_records WHERE key IN (SELECT value FROM json_each({}))"
    ids = {key: UUID(hex=one) for key, one in await rows(session, sql(known, str(hits.keys.tolist())))}
    # One that has just been deleted has no id any more.
    alike = [
        (ids[key], score) for key, score in zip(hits.keys.tolist(), hits.scores.tolist(), strict=True) if key in ids
    ]
    return [(record_id, score) for record_id, score in alike if record_id != but][:most]


async def _keys(session: AsyncSession, asked: Asked) -> npt.NDArray[np.int64]:
    # As one text: ten thousand rows cost more to carry than to find.
    [(found,)] = await rows(session, sql("SELECT group_concat(m.key) FROM assay_records m WHERE {}", asked.where))
    return np.array(found.split(",") if found else [], dtype=np.int64)
