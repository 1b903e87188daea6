"""The k-means cells of unit vectors, which group a dataset for the report and for splits of its figures."""

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import STRIP, Vectors, evenly, unit_rows

# k-means moves little after so many rounds.
_ROUNDS = 20
# Rows for each cell that centres are learnt from (faiss' default).
_ROWS_A_CELL = 256
# Rows that are scored against all centres at once.
_ROWS = 8 * STRIP

Rows = NDArray[np.float32]


def cells(vectors: Vectors, count: int, *, seed: int) -> NDArray[np.int64]:
    """The k-means cell of each row, in 0..count-1, largest cell first.

    Centres are learnt from at most _ROWS_A_CELL evenly spaced rows for each cell; every row is then given to its
    nearest centre. Same input, same cells.
    """
    centres = _centres_of(unit_rows(vectors, evenly(len(vectors), _ROWS_A_CELL * count)), count, seed=seed)
    parts = [slice(start, start + _ROWS) for start in range(0, len(vectors), _ROWS)]
    position = np.concatenate([_nearest_centre(unit_rows(vectors, part), centres)[0] for part in parts])
    order = np.lexsort((np.arange(count), -np.bincount(position, minlength=count)))
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    ranked: NDArray[np.int64] = rank[position]
    return ranked


def _centres_of(rows: Rows, count: int, *, seed: int) -> Rows:
    """k-means by Lloyd on the sphere: `count` centres, (count, d).

    A centre that no row is nearest to moves to the row that is farthest from its own.
    """
    centres: Rows = rows[np.sort(np.random.default_rng(seed).permutation(len(rows))[:count])]
    for _ in range(_ROUNDS):
        near, cosine = _nearest_centre(rows, centres)
        empty = np.flatnonzero(np.bincount(near, minlength=count) == 0)
        centres = _sums(rows, near, count)
        centres[empty] = rows[np.argsort(cosine, kind="stable")[: len(empty)]]
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return centres


def _sums(rows: Rows, near: NDArray[np.int64], count: int) -> Rows:
    from scipy.sparse import csr_matrix

    ones = np.ones(len(rows), dtype=np.float32)
    summed: Rows = csr_matrix((ones, (near, np.arange(len(rows)))), shape=(count, len(rows))) @ rows
    return summed


def _nearest_centre(rows: Rows, centres: Rows) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each row its centre, and the cosine to it."""
    near, cosine = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        cosines = rows[part] @ centres.T
        near[part] = cosines.argmax(axis=1)
        cosine[part] = cosines[np.arange(len(cosines)), near[part]]
    return near, cosine
