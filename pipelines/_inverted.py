"""The closest of very many vectors by faiss' inverted file: rows are looked for in the cells nearest to them only."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import CHUNK, Vectors, evenly, unit_rows

# Rows from which centres are learnt, for each of them: beyond, they move less than they do from seed to seed.
_ROWS_A_CELL = 64
# k-means moves little after so many rounds, and only time hangs on it.
_ROUNDS = 6


class Inverted:
    """`vectors` in cells, each kept in half precision: the same products in three quarters of the time."""

    def __init__(self, vectors: Vectors, *, looked_in: int = 1) -> None:
        """Each row is looked for in so many cells."""
        import faiss

        self._vectors = vectors
        # Twice the square root: finding a row's cells then costs about what searching them does.
        cells = max(1, round(2 * math.sqrt(len(vectors))))
        index: Any = faiss.index_factory(vectors.shape[1], f"IVF{cells},SQfp16", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.max_points_per_centroid = _ROUNDS, _ROWS_A_CELL
        index.train(unit_rows(vectors, evenly(len(vectors), _ROWS_A_CELL * cells)))
        for start in range(0, len(vectors), CHUNK):
            index.add(unit_rows(vectors, slice(start, start + CHUNK)))
        index.nprobe = min(looked_in, cells)
        self._index = index

    def closest(self, rows: NDArray[np.int64], most: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Of each of `rows` (positions) the `most` closest, itself among them: cosines and positions, -1 for none.

        Both (rows, most), closest first.
        """
        cosines, positions = self._index.search(unit_rows(self._vectors, rows), most)
        return cosines, positions
