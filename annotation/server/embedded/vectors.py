"""Vectors in memory: read from assay_vectors in pieces, only what is new, and forgotten when too much is held.

What is held is a copy of the table as it was; before each use it is brought up to date, so that changes of this
process and of others are seen. A held table is never changed in place: a search that computes in a thread keeps
the one that it started with.
"""

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .sql import Sql, sql

Rows = Callable[[Sql], Awaitable[Sequence[Any]]]

# Beyond this, what was used longest ago is dropped: 350,000 vectors of 384 numbers.
MOST_BYTES = 512 * 2**20
# A piece of 2,000 vectors of 384 numbers is 3 MB, and comes in about 10 ms: others get their turn in between.
PIECE_ROWS = 2000


class Held(NamedTuple):
    """Vectors at length 1 (those without direction are all zero), by row; `seqs` ascend."""

    dataset_id: str
    seqs: npt.NDArray[np.int64]
    keys: npt.NDArray[np.int64]
    units: npt.NDArray[np.float32]


class Hits(NamedTuple):
    """The best matches, best first: keys of records, and scores from 0 (opposite) to 1 (same direction)."""

    keys: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]


_HELD: OrderedDict[str, Held] = OrderedDict()


def unit_blob(value: str | None) -> bytes:
    """A vector's JSON as float32 bytes at length 1; all zero where it has no direction, or is none. Never raises.

    >>> np.frombuffer(unit_blob("[3, 4e300, 0]"), np.float32).tolist()
    [0.0, 1.0, 0.0]
    >>> unit_blob("[NaN, 1]") == unit_blob("[0, 0]"), unit_blob("broken")
    (True, b'')
    """
    try:
        numbers = np.array(json.loads(value or "[]"), dtype=np.float64)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return b""
    return unit(numbers).tobytes() if numbers.ndim == 1 else b""


def unit(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """A vector at length 1, whatever its scale; all zero where it has no direction."""
    largest = np.abs(numbers).max(initial=0.0)
    if not np.isfinite(largest) or largest == 0:
        return np.zeros(len(numbers), dtype=np.float32)
    scaled = numbers / largest
    return np.asarray(scaled / np.linalg.norm(scaled), dtype=np.float32)


async def current(rows: Rows, settings_id: str, dataset_id: str, dimensions: int) -> Held:
    """All vectors of one kind as the database has them now."""
    held = _HELD.get(settings_id) or _nothing(dataset_id, dimensions)
    last = int(held.seqs[-1]) if len(held.seqs) else 0
    of_settings = sql("FROM assay_vectors WHERE settings_id = {}", settings_id)
    [(count, newest)] = await rows(sql("SELECT count(*), max(seq) {}", of_settings))
    if (count, newest or 0) == (len(held.seqs), last):
        _keep(settings_id, held)
        return held
    pieces = [held]
    while piece := await rows(
        sql("SELECT seq, key, unit {} AND seq > {} ORDER BY seq LIMIT {}", of_settings, last, PIECE_ROWS)
    ):
        pieces.append(_piece(dataset_id, dimensions, piece))
        last = piece[-1][0]
    held = _joined(pieces)
    left = np.array([seq for (seq,) in await rows(sql("SELECT seq {}", of_settings))], dtype=np.int64)
    held = _only(held, np.isin(held.seqs, left))
    _keep(settings_id, held)
    return held


def nearest(
    held: Held, wanted: npt.NDArray[np.float32], most: int, *, sign: int, among: npt.NDArray[np.int64] | None
) -> Hits:
    """The `most` vectors that point most like `wanted` (`sign` 1) or least (-1).

    `among` says whose vectors count; null means all. Ties go to the older record.
    """
    keys, cosines = held.keys, (held.units @ wanted).astype(np.float64) * sign
    if among is not None:
        counts = np.isin(keys, among)
        keys, cosines = keys[counts], cosines[counts]
    scores = (1 + np.clip(cosines, -1, 1)) / 2
    if most < len(keys):
        best = scores >= np.partition(scores, len(scores) - most)[len(scores) - most]
        keys, scores = keys[best], scores[best]
    order = np.lexsort((keys, -scores))[:most]
    return Hits(keys[order], scores[order])


def forget(dataset_id: str) -> None:
    """Drop what is held of a dataset."""
    for settings_id in [one for one, held in _HELD.items() if held.dataset_id == dataset_id]:
        del _HELD[settings_id]


def _keep(settings_id: str, held: Held) -> None:
    _HELD[settings_id] = held
    _HELD.move_to_end(settings_id)
    while sum(one.units.nbytes for one in _HELD.values()) > MOST_BYTES and len(_HELD) > 1:
        _HELD.popitem(last=False)


def _nothing(dataset_id: str, dimensions: int) -> Held:
    empty = np.zeros(0, dtype=np.int64)
    return Held(dataset_id, empty, empty, np.zeros((0, dimensions), dtype=np.float32))


def _piece(dataset_id: str, dimensions: int, rows: Sequence[Any]) -> Held:
    none = bytes(4 * dimensions)
    blobs = (blob if len(blob) == len(none) else none for _, _, blob in rows)
    units = np.frombuffer(b"".join(blobs), dtype=np.float32).reshape(len(rows), dimensions)
    return Held(
        dataset_id,
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        units,
    )


def _joined(pieces: list[Held]) -> Held:
    if len(pieces) == 1:
        return pieces[0]
    seqs, keys, units = (np.concatenate([piece[part] for piece in pieces]) for part in (1, 2, 3))
    return Held(pieces[0].dataset_id, seqs, keys, units)


def _only(held: Held, kept: npt.NDArray[np.bool_]) -> Held:
    return Held(held.dataset_id, held.seqs[kept], held.keys[kept], held.units[kept])
