"""A frame on disk taken slice by slice, and what becomes of the slices put together again without holding it."""

import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._manifest import sha256_of
from pipelines._workspace import settle

SLICE_BYTES = 2**25
"""Columns of a slice, in the bytes they have in memory: 39,000 rows of Alpaca. Checking one takes 0.7 GB on the way."""

# A row of many megabytes is a slice by itself.
_MIN_ROWS = 64


class Slice(NamedTuple):
    """Rows of a Parquet file: what a piece of work is about, in a few bytes."""

    path: str
    start: int
    rows: int

    def read(self) -> pl.DataFrame:
        """The rows in their order."""
        return pl.scan_parquet(self.path).slice(self.start, self.rows).collect()


class Shard(NamedTuple):
    """A file named by its content, so that whoever leaves it twice leaves it once."""

    path: str
    sha256: str
    rows: int


def slices_of(path: Path, *, most_bytes: int = SLICE_BYTES) -> list[Slice]:
    """The rows of a Parquet file cut into about `most_bytes` each, by the file alone; one without rows where it has
    none."""
    import pyarrow.parquet as pq

    about = pq.read_metadata(path)
    total = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    rows = max(_MIN_ROWS, about.num_rows * most_bytes // max(total, 1))
    return [Slice(str(path), start, rows) for start in range(0, max(about.num_rows, 1), rows)]


def slices(path: Path, *, most_bytes: int = SLICE_BYTES) -> Iterator[pl.DataFrame]:
    """The rows of a Parquet file in their order, about `most_bytes` at a time; one empty slice where there are none."""
    return (each.read() for each in slices_of(path, most_bytes=most_bytes))


def leave(frame: pl.DataFrame, folder: str | Path) -> Shard:
    """Write a shard aside, sync and rename; its name is the beginning of its digest."""
    aside = _aside(folder)
    frame.write_parquet(aside, compression="lz4")
    return _named(aside, folder, ".parquet", frame.height)


def leave_array(array: NDArray[Any], folder: str | Path) -> Shard:
    """The same for an array, as .npy; `rows` is its first dimension."""
    aside = _aside(folder)
    with aside.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    return _named(aside, folder, ".npy", len(array))


def array_of(path: str) -> NDArray[Any]:
    """What `leave_array` left, mapped from disk."""
    found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def _aside(folder: str | Path) -> Path:
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / f".{uuid.uuid4().hex}.aside"


def _named(aside: Path, folder: str | Path, kind: str, rows: int) -> Shard:
    digest = sha256_of(aside)
    path = Path(folder) / f"{digest[:32]}{kind}"
    settle(aside, path)
    return Shard(str(path), digest, rows)


def together(shards: Iterable[Shard]) -> pl.LazyFrame:
    """All of them, in the order of the shards; there is at least one."""
    return pl.scan_parquet([shard.path for shard in shards])
