"""Rows of Parquet, Arrow and saved `datasets`: columns in, dicts out, a bounded number at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines._rows import Batch, Broken, Row
from schemas.errors import SourceError

# Rows are short next to this many; the batch's bytes are the bound for the others.
_MAX_ROWS = 16_384


def parquet_rows(path: Path, *, batch_bytes: int) -> Iterator[Batch]:
    """Every row; the number counts records. Raises SourceError for a damaged file."""
    try:
        with pq.ParquetFile(path) as file:
            rows = _rows_per_batch(_uncompressed_bytes(file), file.metadata.num_rows, batch_bytes)
            yield from _batches(file.iter_batches(batch_size=rows))
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"is a damaged or truncated Parquet file ({_first_line(error)}); fetch it again") from error


def arrow_rows(path: Path, *, batch_bytes: int) -> Iterator[Batch]:
    """Every row of an Arrow IPC file or stream; the number counts records."""
    try:
        # Mapped, so that only the rows at hand take memory.
        with pa.memory_map(str(path)) as mapped:
            tables = _ipc_batches(mapped)
            yield from _batches(piece for table in tables for piece in _slices(table, batch_bytes))
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"is a damaged or truncated Arrow file ({_first_line(error)}); fetch it again") from error


def dataset_rows(dataset: Any, *, batch_bytes: int) -> Iterator[Batch]:
    """Every row of a `datasets.Dataset`; the number counts records."""
    rows = _rows_per_batch(dataset.data.nbytes, len(dataset), batch_bytes)
    tables = dataset.with_format("arrow").iter(batch_size=rows)
    try:
        yield from _batches(batch for table in tables for batch in table.to_batches())
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"is a damaged dataset ({_first_line(error)}); save it again") from error


def _ipc_batches(mapped: Any) -> Iterator[Any]:
    if mapped.read(6) == b"ARROW1":
        mapped.seek(0)
        reader = pa.ipc.open_file(mapped)
        yield from (reader.get_batch(index) for index in range(reader.num_record_batches))
    else:
        mapped.seek(0)
        yield from pa.ipc.open_stream(mapped)


def _slices(batch: Any, batch_bytes: int) -> Iterator[Any]:
    rows = _rows_per_batch(batch.nbytes, batch.num_rows, batch_bytes)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _rows_per_batch(size: int, rows: int, batch_bytes: int) -> int:
    per_row = max(1, size // max(1, rows))
    return max(1, min(_MAX_ROWS, batch_bytes // per_row))


def _uncompressed_bytes(file: Any) -> int:
    groups = (file.metadata.row_group(index) for index in range(file.metadata.num_row_groups))
    return sum(group.total_byte_size for group in groups)


def _batches(batches: Iterator[Any]) -> Iterator[Batch]:
    number = 1
    for batch in batches:
        yield _batch(batch, number)
        number += batch.num_rows


def _batch(batch: Any, first: int) -> Batch:
    try:
        values = batch.to_pylist()
    except (UnicodeDecodeError, ValueError, OverflowError, pa.ArrowException):
        return _row_by_row(batch, first)
    return Batch([Row(first + index, value, None) for index, value in enumerate(values)], [])


def _row_by_row(batch: Any, first: int) -> Batch:
    """The rows of a batch in which one value has no Python form: that row is broken, the others are not."""
    rows: list[Row] = []
    broken: list[Broken] = []
    for index in range(batch.num_rows):
        try:
            rows.append(Row(first + index, batch.slice(index, 1).to_pylist()[0], None))
        except UnicodeDecodeError as error:
            broken.append(Broken(first + index, "encoding", f"a text is not UTF-8 ({error.reason})", ""))
        except (ValueError, OverflowError, pa.ArrowException) as error:
            broken.append(Broken(first + index, "type", f"a value cannot be read ({_first_line(error)})", ""))
    return Batch(rows, broken)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
