"""A frame on disk taken slice by slice, and what becomes of the slices put together again without holding it."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

SLICE_BYTES = 2**25
"""Columns of a slice, in the bytes they have in memory: 39,000 rows of Alpaca. Checking one takes 0.7 GB on the way."""

# A row of many megabytes is a slice by itself.
_MIN_ROWS = 64


def slices(path: Path, *, most_bytes: int = SLICE_BYTES) -> Iterator[pl.DataFrame]:
    """The rows of a Parquet file in their order, about `most_bytes` at a time; one empty slice where there are none."""
    import pyarrow.parquet as pq

    about = pq.read_metadata(path)
    total = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    rows = max(_MIN_ROWS, about.num_rows * most_bytes // max(total, 1))
    whole = pl.scan_parquet(path)
    for start in range(0, max(about.num_rows, 1), rows):
        yield whole.slice(start, rows).collect()


class Parts:
    """Frames of one schema, left in a folder one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[Path] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, frame: pl.DataFrame) -> None:
        path = self._folder / f"{len(self._paths):06d}.parquet"
        frame.write_parquet(path, compression="lz4")
        self._paths.append(path)

    def together(self) -> pl.LazyFrame:
        """All of them in the order in which they came; at least one was added."""
        return pl.scan_parquet(self._paths)
