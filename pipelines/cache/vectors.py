"""Vectors by key, packed: a whole corpus comes back as one float16 matrix, without a Python object for a row."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.cache.files import KEY
from pipelines.cache.store import Tables

KIND = "embeddings"


class Stored(NamedTuple):
    """What is known, row by row in one order: `keys` (m) String, `truncated` (m,), `vectors` (m, dimensions).

    Half precision moves a MiniLM cosine by less than 1e-4, far below any threshold's meaning, and hides the
    last-bit noise that a text's neighbours in a batch cause.
    """

    keys: pl.Series
    truncated: NDArray[np.bool_]
    vectors: NDArray[np.float16]


class VectorStore:
    """The vectors of one model below `root`, a path or an fsspec URL. `model_key` names weights, tier and window."""

    def __init__(self, root: str, model_key: str) -> None:
        self._tables = Tables(root, KIND, model_key)

    def load(self, keys: pl.Series) -> Stored:
        """What is stored of `keys`, each key once, in no promised order (`keys.places` finds them).

        Nothing known: vectors are (0, 0). Nulls are passed over.
        """
        most = keys.n_unique()
        names: list[pl.Series] = []
        truncated = np.empty(most, dtype=np.bool_)
        vectors = np.empty((0, 0), dtype=np.float16)
        filled = 0
        for table in self._tables.load(keys):
            rows = slice(filled, filled + table.num_rows)
            mine = _matrix(table.column("vector"))
            # Pages of it that are never filled cost nothing.
            vectors = vectors if filled else np.empty((most, mine.shape[1]), dtype=np.float16)
            vectors[rows] = mine
            truncated[rows] = table.column("truncated").to_numpy()
            names.append(pl.DataFrame(pl.from_arrow(table.select([KEY])))[KEY].bin.encode("hex"))
            filled = rows.stop
        known = pl.concat(names) if names else pl.Series(KEY, dtype=pl.String)
        return Stored(known, truncated[:filled], vectors[:filled])

    def save(self, keys: pl.Series, truncated: NDArray[np.bool_], vectors: NDArray[np.float16]) -> None:
        """Add (m, dimensions) vectors. Rows with a null key are left out; of equal keys the first is kept."""
        import pyarrow as pa

        rows = keys.rename(KEY).to_frame().with_row_index("row").drop_nulls(KEY)
        rows = rows.unique(KEY, keep="first", maintain_order=True)
        chosen = rows["row"].to_numpy()
        packed = np.ascontiguousarray(vectors, dtype="<f2")
        packed = packed if len(chosen) == len(packed) else packed[chosen]
        width = pa.binary(packed.dtype.itemsize * packed.shape[1])
        array = pa.FixedSizeBinaryArray.from_buffers(width, len(packed), [None, pa.py_buffer(packed)])
        # pyarrow would import pandas to make an array of numpy's.
        known = pl.Series(truncated[chosen]).to_arrow()
        self._tables.save(rows[KEY], pa.table({"truncated": known, "vector": array}))


def _matrix(column: Any) -> NDArray[np.float16]:
    """A fixed_size_binary column as (rows, dimensions), without a copy where it is one chunk."""
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype="<f2").reshape(-1, chunk.type.byte_width // 2)[chunk.offset :][
            : len(chunk)
        ]
        for chunk in column.chunks
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
