"""Few rows against others: products in full precision propose, sums in float64 decide. No code has to be made first."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import SLACK, Vectors, cosine_of, unit_rows
from pipelines._tiles import UNITS, Collected, Found, places

# Up to so many products all of them cost less than codes do, which pay off among more: measured on two cores of an
# Intel Xeon, where codes of 52,000 rows and what imports them take as long as all products of 5,000 of them.
DIRECT = 2**28
# So many rows are few among any number of others: both ways grow with these alike.
FEW = 2**12
# Products that are held at once, 4 bytes each, and with how many others at most: the fewer these are, the more rows are
# held beside them, and the less often all others are read.
_HELD = 2**22
_OTHERS = 2**14
# Proposals whose sums are worked out at once.
_AT_ONCE = 2**15


def is_few(queries: int, base: int) -> bool:
    """Whether all products of so many rows with so many others are quicker than codes."""
    return queries * base <= DIRECT or queries <= FEW


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
    best = np.full(len(queries), -1, dtype=np.int64)
    for rows in _strips(np.arange(len(queries)), min(len(base), _OTHERS)):
        low = np.full(len(rows), -1.5, dtype=np.float32)
        if least is not None:
            low = np.maximum(low, (least[rows] - SLACK).astype(np.float32))
        row, other = _hopeful(unit_rows(queries, rows), base, low, None if itself is None else itself[rows])
        cosine = [
            cosine_of(queries, rows[row[part]], other[part], base)
            for part in (slice(start, start + _AT_ONCE) for start in range(0, len(row), _AT_ONCE))
        ]
        order = np.lexsort((other, -np.concatenate([*cosine, np.zeros(0)]), row))
        found, first = np.unique(row[order], return_index=True)
        best[rows[found]] = other[order[first]]
    return best


def _hopeful(
    queries: NDArray[np.float32], base: Vectors, low: NDArray[np.float32], itself: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of `queries` may be closest to which of `base`: no product is further below the largest, or below `low`."""
    rows, others, sums = [], [], []
    for start in range(0, len(base), _OTHERS):
        block = queries @ unit_rows(base, slice(start, start + _OTHERS)).T
        if itself is not None:
            mine = np.flatnonzero(itself // _OTHERS == start // _OTHERS)
            block[mine, itself[mine] - start] = -2
        # What was largest so far leaves few of the later blocks to keep.
        low = np.maximum(low, block.max(axis=1) - np.float32(2 * SLACK))
        row, other = places(block >= low[:, None])
        rows.append(row)
        others.append(other + start)
        sums.append(block[row, other])
    row, other = np.concatenate(rows), np.concatenate(others)
    hopeful = np.concatenate(sums) >= low[row]
    return row[hopeful], other[hopeful]


def _strips(rows: NDArray[np.int64], others: int) -> Iterator[NDArray[np.int64]]:
    size = max(1, _HELD // max(1, others))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
