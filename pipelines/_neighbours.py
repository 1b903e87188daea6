"""Pairs and nearest neighbours of unit vectors: exact as long as that is cheapest, in cells above.

Similarity is the cosine, in [0, 1] for what is reported: higher is closer. Vectors are float32 or
float16 with unit rows, in memory or mapped from disk. Many rows are worked through in tiles, whose
products of short codes propose; what is reported is summed in float64 from the vectors themselves.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._best import best_of, best_of_others
from pipelines._bounds import SLACK, STRIP, Codes, Vectors, codes_for, cosine_of, evenly, principal, unit_rows
from pipelines._closest import Closest
from pipelines._direct import is_few, pairs_with
from pipelines._nearest_cells import Rooms
from pipelines._overlap import Cells, pairs_in_cells
from pipelines._runner import Sharing
from pipelines._tiles import NOTHING, UNITS, Wanted, close_pairs, in_order, in_units, strip_pairs

# More neighbours than this are a template; components do not need them all.
MOST_NEIGHBOURS = 256
# Of so many rows each may keep that many, of twice as many half, so that memory stays bounded.
ROWS_OF_MOST = 2**18
# Up to here every pair is looked at. Above, cells take less CPU time (docs/performance.md).
EXACT_UP_TO = 100_000
# Rows searched exactly, to choose how many cells are looked in, and others to measure what that misses.
CHOOSE_BY, SAMPLE = 2_000, 500
# Of the pairs that choose the cells, the share that they lose.
LOST = 0.003
# On nearest neighbours no verdict hangs: it is enough that what is found is further away by this cosine on average, or
# is the closest in so many cells. Rows without close company have their nearest anywhere: of 189,788 prompts 87 cells
# of 871 held it for 97 in 100, and 16 cells one that is 0.008 further away on average, in a fifth of the time.
NEAR, NEAREST_CELLS = 0.01, 16
# Cosines are rounded here, so that the order of a sum never decides at a threshold.
DECIMALS = 5
# Of the true pairs of those rows as many are looked at, of each STRIP * 8 rows that they are paired with.
_MOST_TRUE = 2**14


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


def similar_pairs(vectors: Vectors, *, min_similarity: float, sharing: Sharing | None = None) -> Pairs:
    """Every pair with a cosine, rounded to DECIMALS, of at least `min_similarity`.

    Of a row's neighbours the closest `most_neighbours` count, ties by the smaller position; a pair is
    there when it counts for one of its two rows. Of more than EXACT_UP_TO rows some pairs may be missed:
    see `recall`. With `sharing` others search cells of so many; they find what is found here.
    """
    closest = Closest(len(vectors), most_neighbours(len(vectors)))
    if len(vectors) == 0:
        return Pairs(closest.pairs(), 0, 1.0, "nothing to search")
    least = _least(min_similarity)
    if len(vectors) > EXACT_UP_TO:
        return _by_cells(vectors, least, closest, sharing)
    if is_few(len(vectors), len(vectors)):
        return pairs_of(vectors, np.arange(len(vectors)), min_similarity=min_similarity)
    wanted = Wanted(vectors, codes_for(vectors, principal(vectors), least / UNITS), least)
    for found in in_order(lambda start: strip_pairs(wanted, start), range(0, len(vectors), STRIP)):
        closest.add(found)
    return Pairs(closest.pairs(), len(closest.capped), 1.0, f"exact, {_said(wanted.codes)}")


def pairs_of(vectors: Vectors, rows: NDArray[np.int64], *, min_similarity: float) -> Pairs:
    """The same for the pairs of which one is among `rows`: every one, by all their products."""
    closest = Closest(len(vectors), most_neighbours(len(vectors)))
    for found in pairs_with(vectors, rows, _least(min_similarity)):
        closest.add(found)
    return Pairs(closest.pairs(), len(closest.capped), 1.0, "exact, all products")


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


def _by_cells(vectors: Vectors, least: int, closest: Closest, sharing: Sharing | None) -> Pairs:
    """Each row is looked for in the cells that true pairs of some rows say."""
    cells = Cells.of(vectors)
    looked_in = cells.reaching(vectors, *_true_pairs(vectors, evenly(len(vectors), CHOOSE_BY), least), LOST)
    for found in pairs_in_cells(vectors, cells, looked_in, least, sharing):
        closest.add(found)
    pairs = closest.pairs()
    way = f"k-means cells that overlap, {looked_in} of {cells.number:,}"
    return Pairs(pairs, len(closest.capped), _recall(vectors, pairs, least), way)


def _true_pairs(vectors: Vectors, rows: NDArray[np.int64], least: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both ends of the pairs that some rows have; of very many, where much is alike, evenly spaced ones."""
    some, found = unit_rows(vectors, rows), [NOTHING]
    for start in range(0, len(vectors), STRIP * 8):
        products = some @ unit_rows(vectors, slice(start, start + STRIP * 8)).T
        row, other = np.nonzero(products >= least / UNITS - SLACK)
        row, other = row[rows[row] != other + start], other[rows[row] != other + start]
        some_of_them = evenly(len(row), _MOST_TRUE)
        a, b = rows[row[some_of_them]], other[some_of_them] + start
        found.append(close_pairs(a, b, cosine_of(vectors, a, b), least))
    return np.concatenate([each.a for each in found]), np.concatenate([each.b for each in found])


def _recall(vectors: Vectors, pairs: pl.DataFrame, least: int) -> float:
    """Of the pairs that evenly spaced rows truly have, the share that is in `pairs`."""
    count = len(vectors)
    # Half a step aside of those that chose the cells.
    a, b = _true_pairs(vectors, (evenly(count, SAMPLE) + count // (2 * CHOOSE_BY)) % count, least)
    true = pl.DataFrame({"a": np.minimum(a, b), "b": np.maximum(a, b)}).unique()
    return true.join(pairs, on=["a", "b"], how="semi").height / true.height if true.height else 1.0


def nearest(vectors: Vectors) -> Nearest:
    """The closest other row to each; of equally close rows the first.

    Exact, but for sets of more than EXACT_UP_TO rows: there the closest in as many cells as it takes to be as close as
    the true one within NEAR on average, NEAREST_CELLS at most.
    """
    count = len(vectors)
    if count < 2:
        return Nearest(np.full(count, np.nan), np.full(count, -1, dtype=np.int64))
    position = _nearest_by_cells(vectors) if count > EXACT_UP_TO else best_of_others(vectors)
    similarity = np.full(count, np.nan)
    for start in range(0, count, STRIP * 8):
        rows = np.arange(start, min(start + STRIP * 8, count))
        found = rows[position[rows] >= 0]
        similarity[found] = in_units(cosine_of(vectors, found, position[found])) / UNITS
    return Nearest(similarity, position)


def _nearest_by_cells(base: Vectors) -> NDArray[np.int64]:
    some, rooms = evenly(len(base), CHOOSE_BY), Rooms(base, NEAREST_CELLS)
    true = cosine_of(base, some, best_of(unit_rows(base, some), base, itself=some))
    looked_in = 1
    while looked_in < NEAREST_CELLS:
        other = rooms.closest(some, looked_in)
        found = np.where(other >= 0, cosine_of(base, some, other), -1)
        if (true - found).mean() <= NEAR:
            break
        looked_in *= 2
    return rooms.closest(np.arange(len(base)), looked_in)
