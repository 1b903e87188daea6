"""One file of the cache: Parquet whose every byte is vouched for, by digests in its end and the end's in its name.

A row group is one piece of the file, and its SHA-256 stands in the file's end; the file's name holds the
digest of that end. So a file that was cut, altered or made by somebody else is known before a value of it
is used, and one row group can be read and proven without the rest.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from pipelines.cache.place import Entry, Place

KEY = "key"
KEY_BYTES = 16
FILE_BYTES = 64 * 2**20
"""What writing one file holds in memory, and pruning deletes at once: 82,000 vectors of 384 dimensions."""

# A kind, a maker, and the file: the digest of its keys, and that of its end.
_NAME = re.compile(r"[^/]+/[^/]+/[0-9a-f]{32}-[0-9a-f]{32}\.parquet")

# Rows that are read, proven and held at once: 13 MB of vectors of 384 dimensions.
GROUP_ROWS = 16_384
# Raised when the layout changes: files of another layout are passed over.
_LAYOUT = "1"
_LAYOUT_AT = "assay.cache"
_SUMS_AT = "assay.sums"
# The folder it was written for: in another, it would tell of another model or another check.
_BELOW_AT = "assay.below"
_MAGIC = b"PAR1"
_HALVES = pl.Schema({"first": pl.UInt64(), "second": pl.UInt64()})


class DamagedError(Exception):
    """A file, or a piece of one, that is not what was written. Never leaves this folder."""


class AbsentError(DamagedError):
    """A file that went meanwhile, or one of another layout: nothing is wrong with it. Never leaves this folder."""


class Encoded(NamedTuple):
    """A file's name and its bytes."""

    name: str
    data: memoryview


def encode(table: Any, below: str) -> Encoded:
    """A pyarrow table as one file for the folder `below`. Its first column is `key`, fixed_size_binary(16).

    Bytes of a fixed size are not compressed: keys and vectors are as good as random, and it would only cost time.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    others = [field.name for field in table.schema if not pa.types.is_fixed_size_binary(field.type)]
    sink = io.BytesIO()
    writer = pq.ParquetWriter(
        sink,
        table.schema,
        compression={name: "zstd" if name in others else "none" for name in table.column_names},
        use_dictionary=others,
        write_statistics=False,
    )
    sums, begun = [], len(_MAGIC)
    for start in range(0, table.num_rows, GROUP_ROWS):
        writer.write_table(table.slice(start, GROUP_ROWS), row_group_size=GROUP_ROWS)
        sums.append(_digest(sink.getbuffer()[begun:]))
        begun = sink.tell()
    writer.add_key_value_metadata({_LAYOUT_AT: _LAYOUT, _SUMS_AT: json.dumps(sums), _BELOW_AT: below})
    writer.close()
    data = sink.getbuffer()
    keys = halves_of(table).sort("first", "second")
    return Encoded(f"{_digest(np.ascontiguousarray(keys.to_numpy()))}-{_digest(data[begun:])}.parquet", data)


def halves_of(table: Any) -> pl.DataFrame:
    """The `halves` of a table's keys, which may lie in several chunks."""
    return pl.concat([halves(chunk) for chunk in table.column(KEY).chunks] or [pl.DataFrame(schema=_HALVES)])


def _digest(data: Any) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def is_ours(path: str) -> bool:
    """Whether a path below the cache is that of a file that `encode` named."""
    return bool(_NAME.fullmatch(path))


def binary(keys: pl.Series) -> Any:
    """Keys without nulls as pyarrow fixed_size_binary(16). Raises ValueError for what is not 32 hex characters."""
    import pyarrow as pa

    try:
        return keys.str.decode("hex").to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.binary(KEY_BYTES))
    except (pl.exceptions.PolarsError, pa.ArrowException) as error:
        raise ValueError(f"keys are 32 hex characters each: {error}") from error


def halves(keys: Any) -> pl.DataFrame:
    """The two halves of each key of a pyarrow array: `first` and `second`, UInt64, which are compared quickly."""
    values = np.frombuffer(keys.buffers()[1] or b"", dtype="<u8")[2 * keys.offset :][: 2 * len(keys)]
    return pl.DataFrame({"first": values[::2], "second": values[1::2]}, schema=_HALVES)


class _Piece(NamedTuple):
    start: int
    stop: int
    sha256: str


class CacheFile:
    """A file of a place, proven as far as its end. Raises DamagedError where it is not ours, not whole or gone."""

    def __init__(self, place: Place, entry: Entry) -> None:
        self.entry = entry
        self._place = place
        try:
            with place.open(entry) as source:
                end = _end_of(source, entry)
                parquet = _parquet(source)
                self.keys = halves_of(parquet.read(columns=[KEY]))
        except MemoryError:
            raise
        except FileNotFoundError as error:
            raise AbsentError(f"{entry.path}: is gone") from error
        except Exception as error:  # pyarrow and each of fsspec's filesystems have errors of their own
            raise DamagedError(f"{entry.path}: {error}") from error
        _refuse_misplaced(parquet, entry)
        schema = parquet.schema_arrow.remove_metadata()
        self.values = schema.remove(schema.get_field_index(KEY))
        """The columns beside the key."""
        sums = _sums(parquet)
        self._pieces = _pieces(parquet.metadata, sums, entry.bytes - len(end))
        self.first_rows = np.cumsum([0, *(parquet.metadata.row_group(at).num_rows for at in range(len(sums)))])
        """The row with which each row group begins, and the number of rows."""

    def all_groups(self) -> Iterator[Any]:
        """As `groups`, for all of them."""
        return self.groups(range(len(self._pieces)))

    def groups(self, numbers: Iterable[int]) -> Iterator[Any]:
        """A pyarrow table for each of the row groups, null for one that is not what was written."""
        left = list(numbers)
        try:
            with self._place.fetch(self.entry) as source:
                parquet = _parquet(source)
                while left:
                    piece = self._pieces[left[0]]
                    source.seek(piece.start)
                    sound = _digest(source.read(piece.stop - piece.start)) == piece.sha256
                    table = parquet.read_row_group(left[0]) if sound else None
                    left.pop(0)
                    yield table
        except MemoryError:
            raise
        except Exception:  # gone, or unreadable: as above
            yield from (None for _ in left)


def _parquet(source: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(source)


def _end_of(source: Any, entry: Entry) -> bytes:
    """What follows the last row group, when its digest is the one in the file's name."""
    source.seek(entry.bytes - 8)
    length = int.from_bytes(source.read(4), "little") + 8
    if length > entry.bytes:
        raise DamagedError("is cut")
    source.seek(entry.bytes - length)
    end: bytes = source.read(length)
    if _digest(end) != entry.path.removesuffix(".parquet")[-32:]:
        raise DamagedError("has another end than its name says")
    return end


def _sums(parquet: Any) -> list[str]:
    about = parquet.metadata.metadata or {}
    if about.get(_LAYOUT_AT.encode()) != _LAYOUT.encode():
        raise AbsentError("has another layout")
    sums: list[str] = json.loads(about[_SUMS_AT.encode()])
    return sums


def _refuse_misplaced(parquet: Any, entry: Entry) -> None:
    """Raise DamagedError for a file that was written for another folder. Older files do not say for which."""
    written_for = (parquet.metadata.metadata or {}).get(_BELOW_AT.encode())
    if written_for is not None and written_for.decode() != entry.path.rpartition("/")[0]:
        raise DamagedError(f"{entry.path}: was written for {written_for.decode()}")


def _pieces(metadata: Any, sums: list[str], stop: int) -> list[_Piece]:
    """Where each row group begins and stops: they lie one after the other."""
    starts = [len(_MAGIC)]
    for number in range(1, len(sums)):
        first = metadata.row_group(number).column(0)
        starts.append(min(filter(None, (first.data_page_offset, first.dictionary_page_offset))))
    return [_Piece(*each) for each in zip(starts, [*starts[1:], stop], sums, strict=True)]
