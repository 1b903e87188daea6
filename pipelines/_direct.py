"""Few rows against others: products in full precision propose, sums in float64 decide. No code has to be made first."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import SLACK, Vectors, cosine_of, unit_rows
from pipelines._tiles import UNITS, Collected, Found, places

# Up to so many products all of them cost less than codes do, which pay off among more: measured on two cores of an
# Intel Xeon, where codes of 52,000 rows and what imports them take as long as all products of 5,000 of them.
DIRECT = 2**28
# Products that are held at once, 4 bytes each.
_HELD = 2**22
# Proposals whose sums are worked out at once.
_AT_ONCE = 2**15


def is_few(queries: int, base: int) -> bool:
    """Whether all products of so many rows with so many others are quicker than codes."""
    return queries * base <= DIRECT


def pairs_with(vectors: Vectors, rows: NDArray[np.int64], least: int) -> Iterator[Found]:
    """Pairs of each of `rows` (positions) with any other row, of at least `least` UNITS; of two of `rows`, twice."""
    base = unit_rows(vectors, slice(None))
    low = np.float32((least - 0.5) / UNITS - SLACK)
    for some in _strips(rows, len(base)):
        row, other = places(base[some] @ base.T >= low)
        apart = some[row] != other
        found = Collected(vectors, least)
        found.add(some[row[apart]], other[apart])
        yield found.all()


def closest_of(
    queries: Vectors,
    base: Vectors,
    *,
    itself: NDArray[np.int64] | None = None,
    least: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """See `_best.best_of`; of equally close rows the first."""
    others = unit_rows(base, slice(None))
    best = np.full(len(queries), -1, dtype=np.int64)
    for rows in _strips(np.arange(len(queries)), len(base)):
        sums = unit_rows(queries, rows) @ others.T
        if itself is not None:
            sums[np.arange(len(rows)), itself[rows]] = -2
        low = np.maximum(sums.max(axis=1) - np.float32(2 * SLACK), -1.5)
        if least is not None:
            low = np.maximum(low, (least[rows] - SLACK).astype(np.float32))
        row, other = places(sums >= low[:, None])
        cosine = [
            cosine_of(queries, rows[row[part]], other[part], base)
            for part in (slice(start, start + _AT_ONCE) for start in range(0, len(row), _AT_ONCE))
        ]
        order = np.lexsort((other, -np.concatenate([*cosine, np.zeros(0)]), row))
        found, first = np.unique(row[order], return_index=True)
        best[rows[found]] = other[order[first]]
    return best


def _strips(rows: NDArray[np.int64], others: int) -> Iterator[NDArray[np.int64]]:
    size = max(1, _HELD // max(1, others))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
