"""Facility location by lazy greedy: the records that together are closest to all others, on a graph of neighbours.

Of n x n similarities 52,000 records would need 11 GB. A record counts as served only by its nearest neighbours, which
is nearly as good as all (Lindgren, Wu & Dimakis 2016, arXiv:1703.02690) and holds for any size that is asked for, where
a sample of records to be served would be used up as soon as as many are chosen. docs/selection.md has what it costs.
"""

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines._tiles import UNITS
from pipelines.selecting.pool import Places, Pool, Vectors

# Neighbours that may serve a record, and how many of them are held in all: 16 bytes each.
NEIGHBOURS, HELD = 128, 2**24
# Up to so many records all products are worked out; above, those of the nearest cells.
EXACT_UP_TO = 10_000
# Cells that neighbours are looked for in.
_CELLS = 16
_BLOCK = 512


class Served(NamedTuple):
    """By candidate: `records[starts[c] : starts[c + 1]]` are those it may serve, with what that is worth, in UNITS."""

    starts: NDArray[np.int64]
    records: NDArray[np.int32]
    worth: NDArray[np.int32]


def closest_to_all(pool: Pool) -> Places:
    """Greedy for the sum, over all records, of the similarity to the closest chosen one.

    Lazy greedy (Minoux 1978) on Mirchandani & Francis' function, as apricot (Schreiber et al. 2020) has it: within
    1 - 1/e of the best set. Of equally good ones the first of the pool.
    """
    vectors = pool.vectors
    return lazily(pool, served(vectors, np.ones(len(vectors))), np.ones(len(vectors)))


def served(vectors: Vectors, weights: NDArray[np.float64]) -> Served:
    """Each record's neighbours and itself, turned round; what a candidate is worth is similarity times its weight."""
    count = len(vectors)
    closest, cosine = _neighbours(vectors, max(1, min(NEIGHBOURS, count, HELD // max(1, count))))
    found = closest >= 0
    records = np.repeat(np.arange(count, dtype=np.int32), found.sum(axis=1))
    candidates = closest[found]
    worth = np.rint(np.clip(cosine[found], 0, 1) * weights[candidates] * UNITS).astype(np.int32)
    order = np.argsort(candidates, kind="stable")
    starts = np.searchsorted(candidates[order], np.arange(count + 1))
    return Served(starts, records[order], worth[order])


def lazily(pool: Pool, graph: Served, weights: NDArray[np.float64]) -> Places:
    """Take the candidate that adds most, again and again; ties by weight, then by position in the pool.

    What one adds only shrinks as others are taken, so that who still leads when worked out anew leads of all.
    """
    best = np.zeros(pool.records.height, dtype=np.int32)
    for place in range(pool.called_for):
        _take(graph, best, place)
    heap = [(-_adds(graph, best, place), -weights[place], place) for place in range(pool.called_for, len(best))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and pool.called_for + len(chosen) < pool.size:
        stale, weight, place = heap[0]
        now = (-_adds(graph, best, place), weight, place) if stale else heap[0]
        if now == heap[0] or now <= min(heap[1:3], default=now):
            heapq.heappop(heap)
            _take(graph, best, place)
            chosen.append(place)
        else:
            heapq.heapreplace(heap, now)
    return pool.taking(np.array(chosen, dtype=np.int64))


def _adds(graph: Served, best: NDArray[np.int32], candidate: int) -> int:
    mine = slice(graph.starts[candidate], graph.starts[candidate + 1])
    return int(np.maximum(graph.worth[mine] - best[graph.records[mine]], 0).sum(dtype=np.int64))


def _take(graph: Served, best: NDArray[np.int32], candidate: int) -> None:
    mine = slice(graph.starts[candidate], graph.starts[candidate + 1])
    records = graph.records[mine]
    best[records] = np.maximum(best[records], graph.worth[mine])


def _neighbours(vectors: Vectors, most: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Of each record the closest, itself among them: positions (-1 for none) and cosines, both (records, most)."""
    from pipelines._inverted import Inverted

    count = len(vectors)
    closest = np.empty((count, most), dtype=np.int64)
    cosine = np.empty((count, most), dtype=np.float32)
    index = Inverted(vectors, looked_in=_CELLS) if count > EXACT_UP_TO else None
    for start in range(0, count, _BLOCK):
        part = np.arange(start, min(start + _BLOCK, count))
        if index is None:
            products = vectors[part] @ vectors.T
            closest[part] = np.argpartition(-products, most - 1, axis=1)[:, :most]
            cosine[part] = np.take_along_axis(products, closest[part], axis=1)
        else:
            cosine[part], closest[part] = index.closest(part, most)
    return closest, cosine
