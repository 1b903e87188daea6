"""What a method chooses from: the records in an order that no order of rows changes, and what it must take."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._restored import is_restored

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]


class Pool(NamedTuple):
    """`records` with what people restored first, the best of it before the rest of it, and all others by record_id.

    `places` are their positions in the frame that was given. A method returns positions in the pool: first the
    `called_for` that must be taken, then those of its choice, `size` in all.
    """

    records: pl.DataFrame
    places: Places
    all_vectors: Vectors
    called_for: int
    size: int
    max_similarity: float
    seed: int

    @classmethod
    def of(cls, records: pl.DataFrame, vectors: Vectors, *, size: int, max_similarity: float, seed: int) -> "Pool":
        """The pool of `records`, whose column `vector` has the row of `vectors` of each."""
        placed = records.with_row_index("place").with_columns(restored=is_restored(records))
        best = pl.when("restored").then("quality")
        ordered = placed.sort(
            "restored", best, "record_id", descending=[True, True, False], nulls_last=True, maintain_order=True
        )
        size = min(size, records.height)
        called_for = min(int(ordered["restored"].sum()), size)
        places = ordered["place"].to_numpy().astype(np.int64)
        return cls(ordered.drop("place", "restored"), places, vectors, called_for, size, max_similarity, seed)

    @property
    def vectors(self) -> Vectors:
        """A copy of the records' unit vectors, in the pool's order: (records, d)."""
        return np.asarray(self.all_vectors[self.records["vector"].to_numpy()], dtype=np.float32)

    @property
    def others(self) -> pl.DataFrame:
        """The records that need not be taken, with `position` in the pool."""
        return self.records.with_row_index("position")[self.called_for :]

    def taking(self, others: NDArray[np.int64]) -> Places:
        """What must be taken, then as many of `others` (positions) as there is room for."""
        chosen = np.concatenate([np.arange(self.called_for), others.astype(np.int64)])
        return chosen[: self.size]
