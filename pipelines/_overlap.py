"""Close pairs of very many vectors in k-means cells that overlap: a row is looked for in the cells nearest to it.

Which cells a row lies in is worked out in whole numbers below 2**24, whose products float32 adds up exactly in any
order, and what is close enough is decided by the true cosine. So the pairs that are found are the same on every
number of cores, and wherever a cell is searched.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import Vectors, evenly, unit_rows
from pipelines._runner import Sharing
from pipelines._slices import Shard, array_of, leave_array
from pipelines._tiles import UNITS, Collected, Found, in_order, places, products

# A unit vector of this length, rounded to whole numbers, has products below 2**24 (by Cauchy-Schwarz).
SCALE = 4_000
# Rows from which centres are learnt, for each of them: beyond, they move less than they do from seed to seed.
ROWS_A_CELL = 64
# k-means moves little after so many rounds, and only time hangs on it.
ROUNDS = 6
# Cells that a row may be looked for in: beyond, lists of rows are what memory goes to.
MOST_CELLS = 64
# Rows that are looked for in the cells of one piece of work: 100 MB of vectors of 384 dimensions.
ROWS_OF_WORK = 2**16
# Rows and columns of one product.
ROWS, COLUMNS = 2_048, 8_192
# Coordinates of all rows that are added up at once.
_SUMMED = 32
# Products of float32 are off by far less, and so are proposals.
_OFF_BY = 1e-4

Whole = NDArray[np.float32]


class Cells(NamedTuple):
    """Centres as whole numbers, (count, d)."""

    centres: Whole

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.centres)

    @classmethod
    def of(cls, vectors: Vectors) -> "Cells":
        """Learnt from some of the vectors: twice the square root of their number, where finding a row's cells costs
        about what searching them does. The same vectors give the same cells."""
        count = max(1, round(2 * math.sqrt(len(vectors))))
        rows = _whole(unit_rows(vectors, evenly(len(vectors), ROWS_A_CELL * count)))
        centres = rows[evenly(len(rows), count)]
        for _ in range(ROUNDS):
            centres = _moved(rows, Cells(centres).nearest(rows, 1)[:, 0], centres)
        return cls(centres)

    def nearest(self, rows: Whole, most: int) -> NDArray[np.int32]:
        """The `most` cells nearest to each row, nearest first, ties by the smaller number."""
        found = np.empty((len(rows), most), dtype=np.int32)
        for start in range(0, len(rows), ROWS):
            scores = _products(rows[start : start + ROWS], self.centres)
            every = np.arange(len(scores))
            for place in range(most):
                best = scores.argmax(axis=1)
                found[start : start + ROWS, place] = best
                scores[every, best] = -np.inf
        return found

    def nearest_to(self, vectors: Vectors, most: int) -> NDArray[np.int32]:
        """The same of all vectors, which may lie on disk, on all cores."""

        def some(start: int) -> NDArray[np.int32]:
            return self.nearest(_whole(unit_rows(vectors, slice(start, start + ROWS_OF_WORK))), most)

        return np.concatenate([*in_order(some, range(0, len(vectors), ROWS_OF_WORK))])

    def reaching(self, vectors: Vectors, a: NDArray[np.int64], b: NDArray[np.int64], lost: float) -> int:
        """In how many cells rows must be looked for to find all but the share `lost` of these pairs, from either end
        of each."""
        if not len(a):
            return 1
        most = min(self.number, MOST_CELLS)
        ranks = np.minimum(self._rank(vectors, a, b), self._rank(vectors, b, a))
        return int(min(most, 1 + np.quantile(ranks, 1 - lost, method="higher")))

    def _rank(self, vectors: Vectors, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many cells are nearer to each row than the one that holds the other."""
        ranks = np.empty(len(rows), dtype=np.int64)
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            home = self.nearest(_whole(unit_rows(vectors, others[part])), 1)
            scores = _products(_whole(unit_rows(vectors, rows[part])), self.centres)
            ranks[part] = (scores > np.take_along_axis(scores, home.astype(np.int64), axis=1)).sum(axis=1)
        return ranks


class Order(NamedTuple):
    """Rows by cell: those that live there, and the guests that are looked for there. Cell c has the rows from
    `starts[c]` to `starts[c + 1]`, ascending."""

    rows: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, cells: NDArray[np.int32], count: int) -> "Order":
        """From the cells of each row, (rows, any)."""
        flat = cells.reshape(-1)
        order = np.argsort(flat, kind="stable")
        starts = np.concatenate(([0], np.cumsum(np.bincount(flat, minlength=count))))
        return cls((order // max(1, cells.shape[1])).astype(np.int32), starts)

    def of_cell(self, cell: int) -> NDArray[np.int64]:
        """The rows of a cell."""
        return np.asarray(self.rows[self.starts[cell] : self.starts[cell + 1]], dtype=np.int64)


class Housed(NamedTuple):
    """Some rows of a file of vectors whose cells are wanted."""

    vectors: str
    start: int
    stop: int
    centres: str
    most: int
    folder: str


class Visited(NamedTuple):
    """The cells from `first` up to `last`: the files of vectors and of `Order`, and what is close enough in UNITS."""

    vectors: str
    homes: tuple[str, str]
    guests: tuple[str, str]
    first: int
    last: int
    least: int
    folder: str


def pairs_in_cells(
    vectors: Vectors, cells: Cells, looked_in: int, least: int, sharing: Sharing | None
) -> Iterator[Found]:
    """Every pair that shares a cell in which one of them lives; those that share several come several times."""
    if sharing is None:
        near = cells.nearest_to(vectors, looked_in)
        homes, guests = Order.of(near[:, :1], cells.number), Order.of(near[:, 1:], cells.number)
        work = pieces(homes, guests)
        yield from in_order(lambda piece: _search(vectors, homes, guests, *piece, least), work)
        return
    runner, folder = sharing.runner, str(sharing.folder)
    path, centres = (leave_array(np.asarray(each), folder).path for each in (vectors, cells.centres))
    asked = (
        Housed(path, start, start + ROWS_OF_WORK, centres, looked_in, folder)
        for start in range(0, len(vectors), ROWS_OF_WORK)
    )
    near = np.concatenate([array_of(shard.path) for shard in runner.map(house, asked)])
    homes, guests = Order.of(near[:, :1], cells.number), Order.of(near[:, 1:], cells.number)
    left = [(leave_array(each.rows, folder).path, leave_array(each.starts, folder).path) for each in (homes, guests)]
    visits = (Visited(path, left[0], left[1], *piece, least, folder) for piece in pieces(homes, guests))
    for shard in runner.map(visit, visits):
        yield Found(*(np.asarray(column) for column in array_of(shard.path)))


def house(work: Housed) -> Shard:
    """On a worker: the cells of some rows."""
    rows = _whole(unit_rows(array_of(work.vectors), slice(work.start, work.stop)))
    return leave_array(Cells(np.asarray(array_of(work.centres))).nearest(rows, work.most), work.folder)


def visit(work: Visited) -> Shard:
    """On a worker: the pairs in some cells, as the rows a, b and units."""
    homes, guests = (Order(array_of(rows), array_of(starts)) for rows, starts in (work.homes, work.guests))
    found = _search(array_of(work.vectors), homes, guests, work.first, work.last, work.least)
    return leave_array(np.stack(found), work.folder)


def pieces(homes: Order, guests: Order) -> list[tuple[int, int]]:
    """Consecutive cells that together have about ROWS_OF_WORK rows."""
    before = (homes.starts + guests.starts) // ROWS_OF_WORK
    edges = [0, *(np.flatnonzero(np.diff(before[:-1])) + 1).tolist(), len(before) - 1]
    return [(first, last) for first, last in pairwise(edges) if first < last]


def _search(vectors: Vectors, homes: Order, guests: Order, first: int, last: int, least: int) -> Found:
    found = Collected(vectors, least)
    low = np.float32((least - 0.5) / UNITS - _OFF_BY)
    for cell in range(first, last):
        home, guest = homes.of_cell(cell), guests.of_cell(cell)
        for start in range(0, len(home), COLUMNS):
            columns = home[start : start + COLUMNS]
            turned = tensor(unit_rows(vectors, columns)).T
            for rows, inside in ((home[: start + COLUMNS], True), (guest, False)):
                _propose(found, vectors, rows, columns, turned, low, inside)
    return found.all()


def _propose(
    found: Collected,
    vectors: Vectors,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    turned: Any,
    low: np.float32,
    inside: bool,
) -> None:
    """Pairs of some rows with those of a cell; of two that live `inside` it once."""
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        row, column = places(products(tensor(unit_rows(vectors, some)), turned) >= low)
        a, b = some[row], columns[column]
        found.add(*((a[a < b], b[a < b]) if inside else (a, b)))


def _whole(rows: NDArray[np.float32]) -> Whole:
    rounded: Whole = np.rint(rows * np.float32(SCALE))
    return rounded


def _moved(rows: Whole, home: NDArray[np.int32], centres: Whole) -> Whole:
    """Each centre at the mean direction of its rows; one without rows stays."""
    from scipy.sparse import csr_matrix

    ones = csr_matrix((np.ones(len(rows)), (home, np.arange(len(rows)))), shape=(len(centres), len(rows)))
    # Some columns at a time, so that no second copy of the rows is held.
    blocks = range(0, rows.shape[1], _SUMMED)
    sums = np.concatenate([ones @ rows[:, at : at + _SUMMED].astype(np.float64) for at in blocks], axis=1)
    length = np.sqrt((sums * sums).sum(axis=1, keepdims=True))
    return np.where(length > 0, np.rint(sums * (SCALE / np.maximum(length, 1))), centres).astype(np.float32)


def _products(rows: Whole, others: Whole) -> NDArray[np.float32]:
    import torch

    made: NDArray[np.float32] = torch.mm(tensor(rows), tensor(others).T).numpy()
    return made


def tensor(rows: NDArray[np.float32]) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(rows))
