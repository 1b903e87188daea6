"""The closest of many rows to each of others, found by short codes and decided by the true cosine."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import SLACK, STRIP, WIDTH, Codes, Vectors, cosine_of, directions, encode, whole_numbers
from pipelines._direct import closest_of, is_few
from pipelines._tiles import in_order, places, products

# Below every product of codes.
_LOWEST = -(2**30)


class _Sides(NamedTuple):
    """Both sets, their codes, and the least that each query's closest cosine can be; it rises as tiles are seen."""

    queries: Vectors
    base: Vectors
    left: Codes
    right: Codes
    least: NDArray[np.float64]


def best_of(
    queries: Vectors,
    base: Vectors,
    *,
    itself: NDArray[np.int64] | None = None,
    least: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """The position in `base` of the closest row to each query, of equally close ones the first; -1 when there is none.

    `itself` (queries,) is a position of `base` that does not count. What is further than `least` (queries,), a
    cosine, may or may not be found.
    """
    if is_few(len(queries), len(base)):
        return closest_of(queries, base, itself=itself, least=least)
    sides = _sides(queries, base)
    if least is not None:
        np.maximum(sides.least, least - SLACK, out=sides.least)
    places = None if itself is None else np.argsort(sides.right.order)[itself]
    return _first(sides, in_order(lambda start: _in_strip(sides, start, places), range(0, len(queries), STRIP)))


def best_of_others(rows: Vectors) -> NDArray[np.int64]:
    """The same within one set, each row without itself: every product serves both of its rows."""
    if is_few(len(rows), len(rows)):
        return closest_of(rows, rows, itself=np.arange(len(rows)))
    sides = _sides(rows, rows)
    return _first(sides, in_order(lambda start: _in_triangle(sides, start), range(0, len(rows), STRIP)))


def _sides(queries: Vectors, base: Vectors) -> _Sides:
    size = base.shape[1]
    # All directions, so that they need not be good ones.
    to, whole = directions(np.eye(size, dtype=np.float32), size), whole_numbers()
    right = encode(base, to, whole=whole)
    left = right if queries is base else encode(queries, to, whole=whole)
    return _Sides(queries, base, left, right, np.full(len(queries), -2.0))


def _in_strip(sides: _Sides, start: int, places: NDArray[np.int64] | None) -> "_Near":
    rows = np.arange(start, min(start + STRIP, len(sides.queries)))
    codes = sides.left.rows[rows]
    near = []
    for block, across in enumerate(sides.right.columns):
        columns = _block(sides.right.order, block)
        sums = products(codes, across)[:, : len(columns)]
        if places is not None:
            mine = np.flatnonzero(places[rows] // WIDTH == block)
            sums[mine, places[rows[mine]] % WIDTH] = _LOWEST
        near.append(_near(sides, sums, rows, columns))
    return _still(sides, near)


def _in_triangle(sides: _Sides, start: int) -> "_Near":
    rows = sides.right.order[start : start + STRIP]
    codes = sides.right.rows[rows]
    near = []
    for block in range(start // WIDTH, len(sides.right.columns)):
        columns = _block(sides.right.order, block)
        sums = products(codes, sides.right.columns[block])[:, : len(columns)]
        if block == start // WIDTH:
            itself = np.arange(len(rows))
            sums[itself, itself + start % WIDTH] = _LOWEST
        near += [_near(sides, sums, rows, columns), _near(sides, sums.T, columns, rows)]
    return _still(sides, near)


def _block(order: NDArray[np.int64], block: int) -> NDArray[np.int64]:
    return order[block * WIDTH : (block + 1) * WIDTH]


class _Near(NamedTuple):
    query: NDArray[np.int64]
    base: NDArray[np.int64]
    most: NDArray[np.float64]  # the cosine is not above it


_NOTHING = _Near(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


def _near(sides: _Sides, sums: NDArray[np.int32], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> _Near:
    """What of one tile may be the closest, by all that was seen so far."""
    scale = sides.right.scale
    mine, theirs = sides.left.errors[rows].astype(np.float64), sides.right.errors[columns].astype(np.float64)
    theirs *= 1 + mine.max(initial=0)
    top = sums.max(axis=1) * scale
    off = mine + theirs.max(initial=0) + SLACK
    least = sides.least[rows] = np.maximum(sides.least[rows], top - off)
    hopeful = np.flatnonzero(top + off >= least)
    low = ((least - off)[hopeful] / scale).astype(sums.dtype)
    row, column = places(sums[hopeful] >= low[:, None] - 1)
    row = hopeful[row]
    most = sums[row, column] * scale + mine[row] + theirs[column] + SLACK
    close = most >= least[row]
    return _Near(rows[row[close]], columns[column[close]], most[close])


def _still(sides: _Sides, near: Iterable[_Near]) -> _Near:
    """What may be the closest by all that was seen since."""
    query, base, most = (np.concatenate(column) for column in zip(_NOTHING, *near, strict=True))
    close = most >= sides.least[query]
    return _Near(query[close], base[close], most[close])


def _first(sides: _Sides, found: Iterable[_Near]) -> NDArray[np.int64]:
    """The closest of each query, by the true cosine."""
    near = _still(sides, found)
    best = np.full(len(sides.queries), -1, dtype=np.int64)
    order = np.argsort(near.query, kind="stable")
    # Whole queries at a time, so that each is decided at once.
    starts = np.searchsorted(near.query[order], np.arange(0, len(best) + STRIP, STRIP))
    for start, stop in pairwise(starts.tolist()):
        query, base = near.query[order[start:stop]], near.base[order[start:stop]]
        closest = np.lexsort((base, -cosine_of(sides.queries, query, base, sides.base), query))
        rows, first = np.unique(query[closest], return_index=True)
        best[rows] = base[closest[first]]
    return best
