"""Greedy k-center: always the record that lies farthest from all that is taken; exact, a block of records at a time."""

import numpy as np
from numpy.typing import NDArray

from pipelines._tiles import UNITS
from pipelines.selecting.pool import Places, Pool, Vectors

# The farthest records, among which is chosen until one that is not among them might be farther.
_FARTHEST = 1_024
# Rows whose products with the new centres are worked out at once.
_BLOCK = 4_096
_TAKEN = np.iinfo(np.int64).max


def farthest_first(pool: Pool) -> Places:
    """Sener & Savarese 2018 (arXiv:1708.00489): no greedy choice leaves a record farther than twice the least possible.

    The first is the record in the middle: the closest to the mean. Of equally far ones the first of the pool.
    """
    vectors = pool.vectors
    nearest = np.full(len(vectors), -2 * UNITS, dtype=np.int64)
    chosen = list(range(pool.called_for)) or [_middle(vectors)][: pool.size]
    _approach(nearest, vectors, np.array(chosen, dtype=np.int64))
    while len(chosen) < pool.size:
        more = _among_farthest(nearest, vectors, pool.size - len(chosen))
        _approach(nearest, vectors, more)
        chosen += more.tolist()
    return np.array(chosen, dtype=np.int64)


def _middle(vectors: Vectors) -> int:
    """The record closest to the mean of all."""
    return int(_units(vectors @ vectors.mean(axis=0)).argmax()) if len(vectors) else 0


def _among_farthest(nearest: NDArray[np.int64], vectors: Vectors, most: int) -> Places:
    """The next choices, at most so many and at least one, that no record outside of the farthest can come before.

    A record only comes closer to what is taken while more is taken. So the farthest of those outside, as they stand,
    bounds what they will be: whoever inside is farther is the farthest of all.
    """
    # Farness and position in one number: smaller comes first, and no two are equal.
    keys = np.where(nearest == _TAKEN, _TAKEN, (nearest + 2 * UNITS) * len(nearest) + np.arange(len(nearest)))
    inside, bound = _smallest(keys)
    near, mine = nearest[inside], keys[inside]
    among = _units(vectors[inside] @ vectors[inside].T)
    found: list[int] = []
    while len(found) < most:
        place = int(mine.argmin())
        if mine[place] > bound:
            break
        found.append(place)
        near = np.where(near == _TAKEN, _TAKEN, np.maximum(near, among[place]))
        near[place] = _TAKEN
        mine = np.where(near == _TAKEN, _TAKEN, (near + 2 * UNITS) * len(nearest) + inside)
    return inside[found]


def _smallest(keys: NDArray[np.int64]) -> tuple[Places, int]:
    """Positions of the _FARTHEST smallest keys, and the smallest of the others."""
    if len(keys) <= _FARTHEST:
        return np.flatnonzero(keys < _TAKEN), _TAKEN - 1
    order = np.argpartition(keys, _FARTHEST)
    inside = np.sort(order[:_FARTHEST])
    return inside[keys[inside] < _TAKEN], min(int(keys[order[_FARTHEST]]), _TAKEN - 1)


def _approach(nearest: NDArray[np.int64], vectors: Vectors, new: Places) -> None:
    """Bring `nearest`, the cosine in UNITS to the closest of what is taken, up to date; taken ones are _TAKEN."""
    centres = vectors[new].T
    for start in range(0, len(vectors) if len(new) else 0, _BLOCK):
        part = slice(start, start + _BLOCK)
        np.maximum(nearest[part], _units((vectors[part] @ centres).max(axis=1)), out=nearest[part])
    nearest[new] = _TAKEN


def _units(cosine: NDArray[np.float32]) -> NDArray[np.int64]:
    """Rounded, so that equal vectors are equally far."""
    return np.rint(cosine * UNITS).astype(np.int64)
