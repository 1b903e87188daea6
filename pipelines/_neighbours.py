"""Nearest neighbours and cells of unit vectors: exact as long as that is cheapest, by cells above.

Similarity is the cosine, in [0, 1] for what is reported: higher is closer. Vectors are float32 or
float16 with unit rows, in memory or mapped from disk. Many rows are worked through in tiles, whose
products of short codes propose; what is reported is summed in float64 from the vectors themselves.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._best import best_in_cells, best_of, best_of_others
from pipelines._bounds import STRIP, Codes, Vectors, codes_for, cosine_of, evenly, principal, unit_rows
from pipelines._cells import (
    COORDINATES,
    ROWS_A_CELL,
    Cell,
    Space,
    cell_count,
    cells_of,
    centres_of,
    nearest_centre,
    reach_of,
)
from pipelines._closest import Closest
from pipelines._tiles import UNITS, Wanted, crossed_pairs, in_order, in_units, strip_pairs

# More neighbours than this are a template; components do not need them all.
MOST_NEIGHBOURS = 256
# Of so many rows each may keep that many, of twice as many half, so that memory stays bounded.
ROWS_OF_MOST = 2**18
# Up to here every pair is looked at. Above, cells take less CPU time (docs/performance.md).
EXACT_UP_TO = 100_000
# Rows searched exactly, to choose how far cells reach into each other, and others to measure what they miss.
CHOOSE_BY, SAMPLE = 2_000, 500
# Of the pairs that choose the reach, the share that it loses; of nearest neighbours more, which no verdict hangs on.
LOST, LOST_NEAREST = 0.003, 0.03
# Cosines are rounded here, so that the order of a sum never decides at a threshold.
DECIMALS = 5
# How much closer rows of one cell are than others, over the square root of all rows: a cell's share of them.
_CROWDING = 0.3
# k-means moves little after so many rounds: few for searching, where only time hangs on them.
ROUNDS, ROUNDS_TO_SEARCH = 20, 6
# Rows for each cell that k-means learns from, where cells are reported (faiss' default).
ROWS_A_REPORTED_CELL = 256


class Pairs(NamedTuple):
    """`pairs` holds a < b (positions) and `similarity`, sorted by a, b; `capped` counts rows that had more.

    `recall` is the share of the true pairs of SAMPLE rows that was found; 1.0 where all were computed.
    `method` says in words which way was taken.
    """

    pairs: pl.DataFrame
    capped: int
    recall: float
    method: str


class Nearest(NamedTuple):
    """For each query, the closest other row: its similarity and position (NaN and -1 when there is none)."""

    similarity: NDArray[np.float64]
    position: NDArray[np.int64]


def similar_pairs(vectors: Vectors, *, min_similarity: float, new: int = 0) -> Pairs:
    """Every pair with a cosine, rounded to DECIMALS, of at least `min_similarity`.

    Of a row's neighbours the closest `most_neighbours` count, ties by the smaller position; a pair is
    there when it counts for one of its two rows. With `new` only pairs with a row at or behind that
    position, always exactly. Of more than EXACT_UP_TO rows some pairs may be missed: see `recall`.
    """
    closest = Closest(len(vectors), most_neighbours(len(vectors)))
    if len(vectors) == 0:
        return Pairs(closest.pairs(), 0, 1.0, "nothing to search")
    least = _least(min_similarity)
    best = principal(vectors)
    if new == 0 and len(vectors) > EXACT_UP_TO:
        return _by_cells(vectors, best, least, closest)
    wanted = Wanted(vectors, codes_for(vectors, best, least / UNITS, new=new), least)
    for found in in_order(lambda start: strip_pairs(wanted, start, new=new), range(0, len(vectors), STRIP)):
        closest.add(found)
    return Pairs(closest.pairs(), len(closest.capped), 1.0, f"exact, {_said(wanted.codes)}")


def most_neighbours(rows: int) -> int:
    """How many neighbours each of so many rows keeps.

    >>> most_neighbours(52_000), most_neighbours(520_020), most_neighbours(1_000_000)
    (256, 128, 64)
    """
    return max(1, MOST_NEIGHBOURS >> max(0, (max(rows, 1) - 1) // ROWS_OF_MOST).bit_length())


def _least(min_similarity: float) -> int:
    """The smallest number of UNITS that is at least `min_similarity`."""
    units = int(np.floor(min_similarity * UNITS)) - 1
    while units / UNITS < min_similarity:
        units += 1
    return units


def _said(codes: Codes) -> str:
    kind = "8-bit" if codes.is_whole else "32-bit"
    return f"proposed by {codes.rows.shape[1]} {kind} coordinates that never fall short"


def _by_cells(vectors: Vectors, best: NDArray[np.float32], least: int, closest: Closest) -> Pairs:
    """Each row is held against those that its cell reaches; how far it reaches, true pairs of some rows say."""
    space = Space(vectors, best[:, :COORDINATES])
    wanted = Wanted(vectors, codes_for(vectors, best, least / UNITS, crowding=_CROWDING * len(vectors) ** 0.5), least)
    cells = _search_cells(space, *_true_pairs(wanted, evenly(len(vectors), CHOOSE_BY)), LOST)
    for found in in_order(lambda cell: crossed_pairs(wanted, cell.home, cell.reached), cells):
        closest.add(found)
    pairs = closest.pairs()
    way = f"{len(cells):,} cells that reach into each other, {_said(wanted.codes)}"
    return Pairs(pairs, len(closest.capped), _recall(wanted, pairs), way)


def _search_cells(space: Space, a: NDArray[np.int64], b: NDArray[np.int64], lost: float) -> list[Cell]:
    """Cells that find all but `lost` of the pairs a, b."""
    count = cell_count(len(space.vectors))
    some = space.rows(evenly(len(space.vectors), ROWS_A_CELL * count))
    centres = centres_of(some, count, seed=0, rounds=ROUNDS_TO_SEARCH)
    few = evenly(len(a), 20_000)
    return cells_of(space, centres, reach_of(space, centres, a[few], b[few], lost))


def _true_pairs(wanted: Wanted, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both ends of every pair that some rows have."""
    everything = np.arange(len(wanted.vectors))
    strips = [rows[start : start + STRIP // 8] for start in range(0, len(rows), STRIP // 8)]
    found = list(in_order(lambda strip: crossed_pairs(wanted, strip, everything), strips))
    return np.concatenate([each.a for each in found]), np.concatenate([each.b for each in found])


def _recall(wanted: Wanted, pairs: pl.DataFrame) -> float:
    """Of the pairs that evenly spaced rows truly have, the share that is in `pairs`."""
    count = len(wanted.vectors)
    # Half a step aside of those that chose the reach.
    a, b = _true_pairs(wanted, (evenly(count, SAMPLE) + count // (2 * CHOOSE_BY)) % count)
    true = pl.DataFrame({"a": np.minimum(a, b), "b": np.maximum(a, b)}).unique()
    return true.join(pairs, on=["a", "b"], how="semi").height / true.height if true.height else 1.0


def nearest(queries: Vectors, base: Vectors, *, same: bool) -> Nearest:
    """The closest row of `base` to each query; with `same` the two are one set and no row finds itself.

    Of equally close rows the first. Exact, but for `same` sets of more than EXACT_UP_TO rows: there the
    closest of the cells that reach the row, which for all but a few in a hundred is the closest of all.
    """
    if len(queries) == 0 or len(base) < (2 if same else 1):
        return Nearest(np.full(len(queries), np.nan), np.full(len(queries), -1, dtype=np.int64))
    if same and len(base) > EXACT_UP_TO:
        best = principal(base)
        some = evenly(len(base), CHOOSE_BY)
        true = best_of(unit_rows(base, some), base, itself=some)
        space = Space(base, best[:, :COORDINATES])
        position = best_in_cells(base, _search_cells(space, some, true, LOST_NEAREST))
    else:
        position = best_of_others(base) if same else best_of(queries, base)
    similarity = np.full(len(queries), np.nan)
    for start in range(0, len(queries), STRIP * 8):
        rows = np.arange(start, min(start + STRIP * 8, len(queries)))
        found = rows[position[rows] >= 0]
        similarity[found] = in_units(cosine_of(queries, found, position[found], base)) / UNITS
    return Nearest(similarity, position)


def cells(vectors: Vectors, count: int, *, seed: int) -> NDArray[np.int64]:
    """The k-means cell of each row, in 0..count-1, largest cell first.

    Centres are learnt from at most ROWS_A_REPORTED_CELL evenly spaced rows for each cell; every row is
    then given to its nearest centre.
    """
    some = unit_rows(vectors, evenly(len(vectors), ROWS_A_REPORTED_CELL * count))
    centres = centres_of(some, count, seed=seed, rounds=ROUNDS, spherical=True)
    parts = [slice(start, start + STRIP * 8) for start in range(0, len(vectors), STRIP * 8)]
    position = np.concatenate([nearest_centre(unit_rows(vectors, part), centres)[0] for part in parts])
    order = np.lexsort((np.arange(count), -np.bincount(position, minlength=count)))
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    ranked: NDArray[np.int64] = rank[position]
    return ranked
