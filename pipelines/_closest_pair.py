"""The closest pair between two sets of rows: what cannot be closer than a pair that is known is soon told apart."""

import threading
from collections import deque
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import (
    STRIP,
    WIDTH,
    Chosen,
    Codes,
    Vectors,
    cosine_of,
    encode,
    principal,
    quickest,
    whole_numbers,
)
from pipelines._direct import closest_of, is_few
from pipelines._tiles import UNITS, in_order, in_units, proposals

# Queries that are likely to hold the closest pair are looked for first: from then on a pair is known.
LIKELY = 256
# Rows of the base that have codes at once.
AMONG_AT_ONCE = 2**17


class Pair(NamedTuple):
    """Positions in the two sets, and the cosine in UNITS."""

    row: int
    other: int
    units: int


def closest_pair(queries: Vectors, base: Vectors, *, likely: NDArray[np.float64], bounded: bool) -> Pair:
    """The query closest to a row of `base`, of equally close ones (rounded to UNITS) the first, and its closest.

    Exact; neither set is empty. `likely` (queries,) guesses how close each is: the better, the sooner it is done. With
    `bounded` no query is closer than that.
    """
    order = np.argsort(-likely, kind="stable")
    found = _closest_of_few(queries, base, np.sort(order[:LIKELY]))
    others = np.sort(order[LIKELY:])
    if bounded:
        others = others[likely[others] >= found.units / UNITS]
    return _closer_pair(queries, base, others, found)


def _closest_of_few(queries: Vectors, base: Vectors, few: NDArray[np.int64]) -> Pair:
    """The same for a `few` of the queries, by all products."""
    other = closest_of(Chosen(queries, few), base)
    units = in_units(cosine_of(queries, few, other, base))
    best = int(units.argmax())
    return Pair(int(few[best]), int(other[best]), int(units[best]))


def _closer_pair(queries: Vectors, base: Vectors, those: NDArray[np.int64], known: Pair) -> Pair:
    """`known`, or what of `those` of the queries, ascending, goes before it."""
    if not len(those):
        return known
    if is_few(len(those), len(base)):
        return min(known, _closest_of_few(queries, base, those), key=_rank)
    best, asked, whole = _Best(known), Chosen(queries, those), whole_numbers()
    to = quickest(asked, principal(asked), known.units / UNITS, whole=whole)
    left = encode(asked, to, whole=whole)
    for start in range(0, len(base), AMONG_AT_ONCE):
        some = Chosen(base, np.arange(start, min(start + AMONG_AT_ONCE, len(base))))
        sides = _Sides(asked, some, left, encode(some, to, whole=whole), those, start)
        deque(in_order(partial(_look, sides, best=best), range(0, len(those), STRIP)), maxlen=0)
    if best.pair == known:
        return known
    # Of the others that are as close in UNITS, the one that is closest.
    return _closest_of_few(queries, base, np.array([best.pair.row]))


class _Best:
    """The best pair so far; searches that run beside each other go by what the others have reached."""

    def __init__(self, known: Pair) -> None:
        self.pair = known
        self._lock = threading.Lock()

    def see(self, rows: NDArray[np.int64], others: NDArray[np.int64], cosine: NDArray[np.float64]) -> None:
        """Proposed pairs, of which at least one."""
        units = in_units(cosine)
        first = np.lexsort((rows, -units))[0]
        seen = Pair(int(rows[first]), int(others[first]), int(units[first]))
        with self._lock:
            self.pair = min(self.pair, seen, key=_rank)


def _rank(pair: Pair) -> tuple[int, int]:
    return -pair.units, pair.row


def _look(sides: "_Sides", start: int, best: _Best) -> None:
    """Show `best` what of a strip of rows may be closer, or as close."""
    left, right = sides.left, sides.right
    rows = left.order[start : start + STRIP]
    codes = left.rows[rows]
    for block, across in enumerate(right.columns):
        columns = right.order[block * WIDTH : (block + 1) * WIDTH]
        low = left.least(rows, columns, (best.pair.units - 0.5) / UNITS, right)
        row, column = proposals(codes, across, low)
        # The last block is filled up with nothing.
        row, column = rows[row[column < len(columns)]], columns[column[column < len(columns)]]
        if len(row):
            best.see(sides.those[row], column + sides.offset, cosine_of(sides.queries, row, column, sides.base))


class _Sides(NamedTuple):
    """Queries, which are `those`, and some of the base, from `offset` on, with the codes of both."""

    queries: Chosen
    base: Chosen
    left: Codes
    right: Codes
    those: NDArray[np.int64]
    offset: int
