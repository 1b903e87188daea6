"""Vectors in cells around k-means centres, and how far a cell must reach to hold what is close to its rows."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import STRIP, Vectors, unit_rows

# Rows from which centres are learnt, for each of them: beyond, they move less than they do from seed to seed.
ROWS_A_CELL = 64
# Coordinates that cells are made of: the first principal ones hold most of what tells prompts apart.
COORDINATES = 96
# Rows that are scored against all centres at once.
_ROWS = 8 * STRIP

Rows = NDArray[np.float32]


class Space(NamedTuple):
    """Rows along their first principal directions, made block by block."""

    vectors: Vectors
    along: NDArray[np.float32]

    def rows(self, some: NDArray[np.int64] | slice) -> Rows:
        """(rows, COORDINATES) float32."""
        return unit_rows(self.vectors, some) @ self.along


class Cell(NamedTuple):
    """Positions of the rows whose nearest centre this is, and of all rows that it reaches."""

    home: NDArray[np.int64]
    reached: NDArray[np.int64]


def cell_count(rows: int) -> int:
    """Twice the square root: finding a row's cells then costs about what searching them does."""
    return max(1, round(2 * math.sqrt(rows)))


def centres_of(rows: Rows, count: int, *, seed: int, rounds: int, spherical: bool = False) -> Rows:
    """k-means by Lloyd: `count` centres, (count, d), unit rows where `spherical`. Same input, same centres.

    A centre that no row is nearest to moves to the row that is farthest from its own.
    """
    centres: Rows = rows[np.sort(np.random.default_rng(seed).permutation(len(rows))[:count])]
    for _ in range(rounds):
        near, score = nearest_centre(rows, centres)
        sizes = np.bincount(near, minlength=count)
        centres = _sums(rows, near, count)
        centres /= np.maximum(sizes, 1)[:, None].astype(np.float32)
        empty = np.flatnonzero(sizes == 0)
        centres[empty] = rows[np.argsort(score, kind="stable")[: len(empty)]]
        if spherical:
            centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return centres


def _sums(rows: Rows, near: NDArray[np.int64], count: int) -> Rows:
    from scipy.sparse import csr_matrix

    ones = np.ones(len(rows), dtype=np.float32)
    summed: Rows = csr_matrix((ones, (near, np.arange(len(rows)))), shape=(count, len(rows))) @ rows
    return summed


def nearest_centre(rows: Rows, centres: Rows) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each row its centre, and how near it is (higher is nearer; comparable between rows of one length)."""
    near = np.empty(len(rows), dtype=np.int64)
    score = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        scores = _scores(rows[part], centres)
        near[part] = scores.argmax(axis=1)
        score[part] = scores[np.arange(len(scores)), near[part]] - np.einsum("ij,ij->i", rows[part], rows[part])
    return near, score


def _scores(rows: Rows, centres: Rows) -> Rows:
    """(rows, centres): higher is nearer; a row's squared length less the squared distance."""
    scores = rows @ (2 * centres.T)
    scores -= np.einsum("ij,ij->i", centres, centres)
    return scores


def reach_of(space: Space, centres: Rows, a: NDArray[np.int64], b: NDArray[np.int64], lost: float) -> float:
    """How much farther than the nearest a centre may be and still reach a row, to lose this share of the pairs a, b.

    A pair is found where the home of one of the two reaches the other.
    """
    if not len(a):
        return 0.0
    first, second = (_scores(space.rows(each), centres) for each in (a, b))
    each = np.arange(len(a))
    home_a, home_b = first.argmax(axis=1), second.argmax(axis=1)
    short = np.minimum(first[each, home_a] - first[each, home_b], second[each, home_b] - second[each, home_a])
    return float(np.quantile(short, 1 - lost))


def cells_of(space: Space, centres: Rows, reach: float) -> list[Cell]:
    """Every cell, in the order of the centres."""
    homes, rows, cells = [], [], []
    for start in range(0, len(space.vectors), _ROWS):
        scores = _scores(space.rows(slice(start, start + _ROWS)), centres)
        home = scores.argmax(axis=1)
        scores -= (scores[np.arange(len(scores)), home] - np.float32(reach))[:, None]
        row, cell = np.nonzero(scores >= 0)
        homes.append(home)
        rows.append((row + start).astype(np.int32))
        cells.append(cell.astype(np.int32))
    members = _grouped(np.concatenate(homes), len(centres))
    reached = np.concatenate(rows)
    far = _grouped(np.concatenate(cells), len(centres))
    return [Cell(mine, reached[some].astype(np.int64)) for mine, some in zip(members, far, strict=True)]


def _grouped(group: NDArray[np.integer], count: int) -> list[NDArray[np.int64]]:
    """The positions of each group 0..count-1, ascending."""
    ends = np.cumsum(np.bincount(group, minlength=count))
    return np.split(np.argsort(group, kind="stable"), ends[:-1])
