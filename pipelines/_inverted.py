"""The closest of very many vectors by faiss' inverted file: rows are looked for in the cells nearest to them only."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import CHUNK, Vectors, evenly, unit_rows

# Products of vectors in half precision are off by less, and so are proposals.
OFF_BY = 1e-3
# Rows from which centres are learnt, for each of them: beyond, they move less than they do from seed to seed.
_ROWS_A_CELL = 64
# k-means moves little after so many rounds, and only time hangs on it.
_ROUNDS = 6
# Cells that a row may be looked for in: beyond, a search of everything is quicker.
_MOST_CELLS = 128


class Inverted:
    """`vectors` in cells, each kept in half precision: the same products in three quarters of the time."""

    def __init__(self, vectors: Vectors) -> None:
        import faiss

        self._vectors = vectors
        # Twice the square root: finding a row's cells then costs about what searching them does.
        self.cells = max(1, round(2 * math.sqrt(len(vectors))))
        index: Any = faiss.index_factory(vectors.shape[1], f"IVF{self.cells},SQfp16", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.max_points_per_centroid = _ROUNDS, _ROWS_A_CELL
        index.train(unit_rows(vectors, evenly(len(vectors), _ROWS_A_CELL * self.cells)))
        for start in range(0, len(vectors), CHUNK):
            index.add(unit_rows(vectors, slice(start, start + CHUNK)))
        self._index = index

    @property
    def looked_in(self) -> int:
        """How many cells each row is looked for in."""
        return int(self._index.nprobe)

    def look_in(self, cells: int) -> None:
        """Look for each row in so many cells."""
        self._index.nprobe = min(cells, self.cells)

    def reach(self, a: NDArray[np.int64], b: NDArray[np.int64], lost: float) -> None:
        """Look in as many cells as find all but the share `lost` of these pairs, from either end of each."""
        if not len(a):
            return
        cells = min(self.cells, _MOST_CELLS)
        ranks = np.minimum(self._rank(a, b, cells), self._rank(b, a, cells))
        self._index.nprobe = min(cells, 1 + int(np.quantile(ranks, 1 - lost, method="higher")))

    def widening(self, most: int) -> Iterator[int]:
        """Look in 1 cell, in 2, in 4 and so on up to `most`."""
        cells = 1
        while cells <= min(self.cells, most):
            self._index.nprobe = cells
            yield cells
            cells *= 2

    def closest(self, rows: NDArray[np.int64], most: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Of each of `rows` (positions) the `most` closest, itself among them: cosines and positions, -1 for none.

        Both (rows, most), closest first.
        """
        cosines, positions = self._index.search(unit_rows(self._vectors, rows), most)
        return cosines, positions

    def _rank(self, rows: NDArray[np.int64], others: NDArray[np.int64], cells: int) -> NDArray[np.int64]:
        """How many cells are nearer to each row than the one that holds the other; `cells` where as many or more."""
        near = self._index.quantizer.search(unit_rows(self._vectors, rows), cells)[1]
        home = self._index.quantizer.search(unit_rows(self._vectors, others), 1)[1]
        same = near == home
        return np.where(same.any(axis=1), same.argmax(axis=1), cells)
