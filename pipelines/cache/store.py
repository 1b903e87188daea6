"""What was worked out, by key: one folder for each maker, whose files are added to and never changed."""

import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.cache import said, upkeep
from pipelines.cache.files import (
    FILE_BYTES,
    KEY,
    AbsentError,
    CacheFile,
    DamagedError,
    binary,
    encode,
    halves,
    is_ours,
)
from pipelines.cache.place import Place, place_at

# A use is noted once a day: pruning counts in days.
_NOTED_SECONDS = 86_400
_SEGMENT = re.compile(r"\w[\w.-]*")
_OLDEST = pl.CompatLevel.oldest()


class Store:
    """Rows of `schema` by `key` (32 hex characters), below root/kind/made_by.

    `root` is a path or an fsspec URL. `made_by` names what made the rows, its version and its settings
    (`keys.made_by`); rows of another are never seen. Any number of processes may load and save at once.
    """

    def __init__(self, root: str, kind: str, made_by: str, schema: pl.Schema) -> None:
        self._schema = schema
        self._tables = Tables(root, kind, made_by, pl.DataFrame(schema=schema).to_arrow(compat_level=_OLDEST).schema)

    def load(self, keys: pl.Series) -> pl.DataFrame:
        """Columns key and those of the schema: what is known of `keys`, each key once, in no promised order.

        Nulls are passed over. A file that cannot be read, or is not what was written, holds nothing.
        """
        found = [pl.DataFrame(schema={KEY: pl.String(), **self._schema})]
        for table in self._tables.load(keys):
            rows = pl.DataFrame(pl.from_arrow(table)).with_columns(pl.col(KEY).bin.encode("hex"))
            found.append(rows.select(KEY, *(pl.col(name).cast(kind) for name, kind in self._schema.items())))
        return pl.concat(found)

    def save(self, frame: pl.DataFrame) -> None:
        """Add rows: columns key and those of the schema. Rows without a key are left out; of equal keys one is kept.

        A place that cannot be written costs the cache and not the run: one line says so.
        """
        columns = (pl.col(name).cast(kind) for name, kind in self._schema.items())
        rows = frame.drop_nulls(KEY).unique(KEY, keep="first", maintain_order=True).select(KEY, *columns)
        self._tables.save(rows[KEY], rows.drop(KEY).to_arrow(compat_level=_OLDEST))


def makers(root: str, kind: str) -> list[str]:
    """Whose rows of a kind are stored, by name; none where the place cannot be read."""
    try:
        return sorted({entry.path.split("/")[1] for entry in place_at(root).entries(kind) if is_ours(entry.path)})
    except MemoryError:
        raise
    except Exception:  # each of fsspec's filesystems has errors of its own
        return []


class Piece(NamedTuple):
    """One row group of one file."""

    path: str
    group: int


class Tables:
    """The same for pyarrow tables: `values` is the schema beside the key; null, and the first file says it."""

    def __init__(self, root: str, kind: str, made_by: str, values: Any = None) -> None:
        for segment in (kind, made_by):
            if not _SEGMENT.fullmatch(segment):
                raise ValueError(f"{segment!r}: is no name for a folder of the cache; use letters, digits, _ and -")
        self.below = f"{kind}/{made_by}"
        self._root = str(root)
        self._values = values
        self._files: dict[str, CacheFile | None] = {}
        self._unwritable = False

    def load(self, keys: pl.Series) -> Iterator[Any]:
        """Tables of the rows known of `keys`, each key once; `key` is fixed_size_binary(16)."""
        wanted = halves(binary(keys.drop_nulls()))
        lost: list[Piece] = []
        while wanted.height:
            files, before, missed = self._known(), len(lost), []
            for file, rows in _places(files, wanted, lost) if files else ():
                for piece, mine, table in _pieces(file, rows):
                    if table is None:
                        lost.append(piece)
                        missed.append(file.keys[mine])
                        self._tell_of(piece)
                    else:
                        yield table
                self._note_use(file)
            # What a damaged piece held, or one that another process removed meanwhile, may lie elsewhere as well.
            wanted = pl.concat(missed) if len(lost) > before else wanted.clear()

    def save(self, keys: pl.Series, values: Any) -> None:
        """Add rows, in files of FILE_BYTES at most. `keys` has no nulls, and each key once."""
        if not len(keys) or self._unwritable:
            return
        table = values.add_column(0, KEY, binary(keys))
        rows = max(1, min(len(keys), FILE_BYTES * len(keys) // max(table.nbytes, 1)))
        for start in range(0, len(keys), rows):
            name, data = encode(table.slice(start, rows), self.below)
            self._write(f"{self.below}/{name}", data)

    def _write(self, path: str, data: memoryview) -> None:
        if self._unwritable:
            return
        try:
            place = place_at(self._root)
            place.write(path, data)
            if place.is_local:
                upkeep.merge(place, self.below)
        except MemoryError:
            raise
        except Exception as error:  # each of fsspec's filesystems has errors of its own
            self._unwritable = True
            said.unwritable(self._root, error)

    def _known(self) -> list[CacheFile]:
        """The files of ours that are there now, in the order of their names. They never change: each is opened once."""
        try:
            place = place_at(self._root)
            entries = [entry for entry in place.entries(self.below) if is_ours(entry.path)]
        except MemoryError:
            raise
        except Exception:  # nothing can be read there; saving will say why
            return []
        self._files = {
            entry.path: self._files[entry.path] if entry.path in self._files else self._opened(place, entry)
            for entry in entries
        }
        return [file for file in self._files.values() if file is not None]

    def _opened(self, place: Place, entry: Any) -> CacheFile | None:
        try:
            file = CacheFile(place, entry)
        except AbsentError:
            return None
        except DamagedError:
            said.damaged(self._root, entry.path)
            return None
        self._values = self._values or file.values
        return file if file.values.equals(self._values) else None

    def _tell_of(self, piece: Piece) -> None:
        """A piece that is still there is damaged; a file that another process removed meanwhile is not."""
        if any(entry.path == piece.path for entry in place_at(self._root).entries(self.below)):
            said.damaged(self._root, piece.path)

    def _note_use(self, file: CacheFile) -> None:
        # A use in the future is one too: the clock was wrong then, or is now.
        if abs(time.time() - file.entry.used) > _NOTED_SECONDS:
            place_at(self._root).touch(file.entry.path, time.time())


def _places(
    files: list[CacheFile], wanted: pl.DataFrame, lost: list[Piece]
) -> list[tuple[CacheFile, NDArray[np.int64]]]:
    """Each file with its rows that hold a wanted key, ascending; of several rows with one key the first."""
    every = pl.concat([file.keys for file in files]).with_row_index("row")
    hits = every.join(wanted, on=["first", "second"], how="semi").sort("row")
    begins = np.cumsum([0, *(file.keys.height for file in files)])
    for number, file in enumerate(files):
        for group in (piece.group for piece in lost if piece.path == file.entry.path):
            start, stop = begins[number] + file.first_rows[group : group + 2]
            hits = hits.filter(~pl.col("row").is_between(int(start), int(stop), closed="left"))
    rows = hits.unique(["first", "second"], keep="first", maintain_order=True)["row"].cast(pl.Int64).to_numpy()
    cuts = np.searchsorted(rows, begins)
    return [
        (file, rows[cuts[number] : cuts[number + 1]] - begins[number])
        for number, file in enumerate(files)
        if cuts[number] < cuts[number + 1]
    ]


def _pieces(file: CacheFile, rows: NDArray[np.int64]) -> Iterator[tuple[Piece, NDArray[np.int64], Any]]:
    """For each row group that holds some of `rows`: its name, those rows, and their table; null where it is damaged."""
    group_of = np.searchsorted(file.first_rows, rows, side="right") - 1
    groups = np.unique(group_of).tolist()
    for group, table in zip(groups, file.groups(groups), strict=True):
        mine = rows[group_of == group]
        if table is not None and len(mine) < table.num_rows:
            table = table.take(mine - file.first_rows[group])
        yield Piece(file.entry.path, group), mine, table
