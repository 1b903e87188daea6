"""The closest neighbours of each row, kept within a bound of memory while pairs come in."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._tiles import UNITS, Found
from schemas.errors import UsageError

# A neighbour is one number: row, how far it is, and which. 23 bits hold 8 million rows, 17 a distance in UNITS.
_ROW_BITS, _FAR_BITS = 23, 17
MOST_ROWS = 2**_ROW_BITS
# Neighbours that come in before the first are sorted out, 8 bytes each.
_HELD = 2**22
_NONE = np.uint64(2**64 - 1)


def refuse_too_many(rows: int) -> None:
    """Raises UsageError for more different prompts than MOST_ROWS."""
    if rows > MOST_ROWS:
        raise UsageError(
            f"{rows:,} different prompts: pairs of more than {MOST_ROWS:,} cannot be named; "
            "curate the data in parts, a release for each"
        )


class Closest:
    """Of each of `rows` the closest `most` neighbours, ties by the smaller position.

    Raises UsageError for more than MOST_ROWS.
    """

    def __init__(self, rows: int, most: int) -> None:
        refuse_too_many(rows)
        self._rows, self._most = rows, most
        self._kept = np.zeros(0, dtype=np.uint64)
        self._waiting: list[NDArray[np.uint64]] = []
        self._count = 0
        self._limit = _HELD
        # Of a row that has `most` already, the farthest of them.
        self._farthest = np.full(rows, _NONE)
        self._capped = np.zeros(rows, dtype=bool)

    def add(self, found: Found) -> None:
        """Both ways round; what is already there counts once."""
        for row, other in ((found.a, found.b), (found.b, found.a)):
            key = _packed(row, found.units, other)
            near = key <= self._farthest[row]
            self._capped[row[~near]] = True
            self._waiting.append(key[near])
            self._count += int(near.sum())
        if self._count > self._limit:
            self._sort_out()

    @property
    def capped(self) -> NDArray[np.int64]:
        """Rows that had more neighbours, ascending."""
        self._sort_out()
        return np.flatnonzero(self._capped)

    def pairs(self) -> pl.DataFrame:
        """a < b and similarity, sorted: each pair that is among the closest of one of its ends."""
        self._sort_out()
        row, units, other = _unpacked(self._kept)
        key = np.unique(_packed(np.minimum(row, other), units, np.maximum(row, other)))
        a, units, b = _unpacked(key)
        frame = pl.DataFrame({"a": a, "b": b, "similarity": units / UNITS})
        return frame.sort("a", "b")

    def _sort_out(self) -> None:
        if not self._waiting:
            return
        keys = np.concatenate([self._kept, *self._waiting])
        keys.sort()
        keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys
        row = (keys >> np.uint64(64 - 1 - _ROW_BITS)).astype(np.int64)
        starts = np.searchsorted(row, np.arange(self._rows))
        place = np.arange(len(keys)) - starts[row]
        self._capped[row[place >= self._most]] = True
        last = place == self._most - 1
        self._farthest[row[last]] = keys[last]
        self._kept = keys[place < self._most]
        self._waiting, self._count = [], 0
        self._limit = max(_HELD, len(self._kept))


def _packed(row: NDArray[np.int64], units: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Sorts by row, then the closest first, then the other's position."""
    key = (row << (_ROW_BITS + _FAR_BITS)) | ((UNITS - units) << _ROW_BITS) | other
    return key.astype(np.uint64)


def _unpacked(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """row, units, other."""
    whole = keys.astype(np.int64)
    units = UNITS - ((whole >> _ROW_BITS) & (2**_FAR_BITS - 1))
    return whole >> (_ROW_BITS + _FAR_BITS), units, whole & (2**_ROW_BITS - 1)
