"""The cache kept small: many small files become one, and what was not used for long is deleted."""

import re
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import polars as pl

from pipelines.cache.files import FILE_BYTES, CacheFile, DamagedError, encode, halves_of, is_ours
from pipelines.cache.folders import CONTENTS
from pipelines.cache.place import ASIDE, Entry, Place, place_at

MANY = 64
"""Small files in a folder before they become one. Opening one takes half a millisecond: so many cost a blink."""

# A file this large stays as it is, so that what is merged once is not written again and again.
_SMALL = FILE_BYTES // 4
# Pruning is asked for and may take a moment, so fewer will do.
_MANY_WHEN_PRUNING = 8
# Nobody writes one file for an hour: whoever began it is gone.
_ABANDONED_SECONDS = 3_600
# Vectors as versions before this layout stored them: nothing reads them any more.
_BEFORE = re.compile(r"embeddings/[0-9a-f]{24}/[0-9a-f]{24}\.parquet")
# Below a kind and a maker, or in the place of a maker.
_ASIDE = re.compile(rf"[^/]+/(?:[^/]+/\.[^/]+{re.escape(ASIDE)}$|\.[^/]+{re.escape(ASIDE)}/)")


class Kept(NamedTuple):
    """What is stored of one kind: `used` is when some of it was last used, in seconds since 1970."""

    kind: str
    makers: int  # models, checks, versions: each has a folder
    files: int
    bytes: int
    used: float


class Freed(NamedTuple):
    """What pruning removed."""

    files: int
    bytes: int


class _Unit(NamedTuple):
    """What is deleted together: one file of rows, or a folder that holds one thing."""

    entries: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.entries)

    @property
    def used(self) -> float:
        return max(entry.used for entry in self.entries)


def contents(root: str) -> list[Kept]:
    """What is ours below `root`, one for each kind, by name. Raises what the place raises."""
    ours = [entry for unit in _units(place_at(root).entries()) for entry in unit.entries]
    return [
        Kept(
            kind,
            len({entry.path.split("/")[1] for entry in mine}),
            len(mine),
            sum(entry.bytes for entry in mine),
            min(max(entry.used for entry in mine), time.time()),
        )
        for kind in sorted({_kind(entry) for entry in ours})
        for mine in [[entry for entry in ours if _kind(entry) == kind]]
    ]


def prune(root: str, *, older_than: float | None = None, max_bytes: int | None = None) -> Freed:
    """Delete what was not used for `older_than` days, then the longest unused until `max_bytes` are left.

    Neither said: everything. Only what the cache wrote is touched; what stays is put into fewer files.
    """
    place, now = place_at(root), time.time()
    days = 0.0 if older_than is None and max_bytes is None else older_than
    # What a clock that was wrong called a use in the future is as good as one now.
    units = sorted((min(unit.used, now), unit) for unit in _units(place.entries()))
    left, gone = sum(unit.bytes for _, unit in units), []
    for used, unit in units:
        if (days is not None and used <= now - days * 86_400) or (max_bytes is not None and left > max_bytes):
            gone.append(unit)
            left -= unit.bytes
    gone_entries = [entry for unit in gone for entry in unit.entries]
    _remove(place, [*gone_entries, *_abandoned(place, now)])
    for below in sorted({str(PurePosixPath(entry.path).parent) for entry in place.entries() if is_ours(entry.path)}):
        merge(place, below, _MANY_WHEN_PRUNING)
    return Freed(len(gone_entries), sum(entry.bytes for entry in gone_entries))


def _remove(place: Place, entries: list[Entry]) -> None:
    for entry in entries:
        place.remove(entry.path)
    for below in sorted({str(PurePosixPath(entry.path).parent) for entry in entries}, reverse=True):
        place.tidy(below)


def _abandoned(place: Place, now: float) -> list[Entry]:
    """What a killed process left half-written."""
    return [
        entry for entry in place.entries() if _ASIDE.match(entry.path) and abs(entry.used - now) > _ABANDONED_SECONDS
    ]


def _units(entries: list[Entry]) -> list[_Unit]:
    """What the cache wrote; whatever else lies there is nobody's business."""
    units = [_Unit((entry,)) for entry in entries if is_ours(entry.path) or _BEFORE.fullmatch(entry.path)]
    for _, group in groupby((entry for entry in entries if entry.path.count("/") >= 2), key=_maker):
        folder = tuple(group)
        if any(entry.path == f"{_maker(entry)}/{CONTENTS}" for entry in folder):
            units.append(_Unit(folder))
    return units


def _kind(entry: Entry) -> str:
    return entry.path.split("/")[0]


def _maker(entry: Entry) -> str:
    return "/".join(entry.path.split("/")[:2])


def merge(place: Place, below: str, many: int = MANY) -> int:
    """Make fewer files of the small ones in a folder once there are `many`; returns how many went.

    The new file is there before the old ones go: a process that reads meanwhile finds every row, and one that
    is killed on the way leaves every row, some of them twice.
    """
    if len(_small(place, below)) < many:
        return 0
    with place.alone(below) as mine:
        return sum(_merge(place, below, batch) for batch in _batches(_small(place, below))) if mine else 0


def _small(place: Place, below: str) -> list[Entry]:
    """The files worth merging, longest unused first: what was used together stays together."""
    small = [entry for entry in place.entries(below) if is_ours(entry.path) and entry.bytes < _SMALL]
    return sorted(small, key=lambda entry: (entry.used, entry.path))


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        if batch and sum(each.bytes for each in batch) + entry.bytes > FILE_BYTES:
            yield batch
            batch = []
        batch.append(entry)
    yield batch


def _merge(place: Place, below: str, entries: list[Entry]) -> int:
    """One file of several; those that are not what was written stay as they are, and are passed over by all."""
    import pyarrow as pa

    sound = [(entry, table) for entry in entries if (table := _table(place, entry)) is not None]
    alike = [(entry, table) for entry, table in sound if table.schema.equals(sound[0][1].schema)]
    if len(alike) < 2:
        return 0
    table = pa.concat_tables([table for _, table in alike]).combine_chunks()
    first = halves_of(table).with_row_index("row").unique(["first", "second"], keep="first", maintain_order=True)
    name, data = encode(table.take(first["row"].cast(pl.Int64).to_numpy()), below)
    path = f"{below}/{name}"
    place.write(path, data)
    place.touch(path, max(entry.used for entry, _ in alike))
    gone = [entry for entry, _ in alike if entry.path != path]
    for entry in gone:
        place.remove(entry.path)
    return len(gone)


def _table(place: Place, entry: Entry) -> Any:
    """All of a file, null where some of it is not what was written."""
    import pyarrow as pa

    try:
        groups = list(CacheFile(place, entry).all_groups())
    except DamagedError:
        return None
    return None if any(group is None for group in groups) else pa.concat_tables(groups)
