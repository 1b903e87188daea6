"""Ingest: whatever the user names becomes canonical records, and every row that cannot be read is told.

Memory is bounded by a batch: rows are read, shaped and written to parquet parts a few megabytes at a time.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipelines._arrow_rows import dataset_rows
from pipelines._plain_rows import plain_records
from pipelines._readers import Opened, open_file
from pipelines._records import record, record_frame
from pipelines._rows import Batch, Broken, NotARecord, Row, excerpt_of
from pipelines._shapes import SHAPES, detect, drafts_of
from pipelines._sources import DatasetSource, FileSource, RefusedSource, RemoteSource, Source, find_sources
from pipelines._streams import fingerprint
from pipelines._tally import count
from schemas.errors import SourceError, UsageError
from schemas.manifest import InputEntry
from schemas.report import SourceFigures
from schemas.settings import IngestSettings

UNREADABLE_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "source_row": pl.Int64(),  # null where the row has no place of its own
        "part": pl.Int32(),
        "reason": pl.String(),  # "unreadable.xxx"
        "detail": pl.String(),  # one sentence for a person
        "excerpt": pl.String(),  # at most 200 characters, control characters escaped
    }
)
"""One row for each input row that could not be read."""

_DEFAULTS = IngestSettings()
# How many refused sources an error names before it counts the rest.
_NAMED_IN_ERROR = 3
_COPY_BYTES = 2**20


class Ingested(NamedTuple):
    """What ingest leaves behind."""

    records: list[Path]  # parquet of RECORD_SCHEMA in reading order; `row_id` runs from 0 over all of them
    unreadable: Path  # parquet of UNREADABLE_SCHEMA
    sources: list[SourceFigures]  # in reading order, refused ones among them; a refused source has no rows
    inputs: list[InputEntry]  # the same sources for the manifest


class Limits(NamedTuple):
    """How sources are read."""

    shape: str | None
    batch_bytes: int
    max_record_bytes: int
    licenses: Mapping[str, str]


class _Taken(NamedTuple):
    figures: SourceFigures
    records: list[Path]
    unreadable: list[Path]


def ingest(
    sources: Sequence[str],
    *,
    workdir: Path,
    shape: str | None,
    batch_bytes: int,
    max_record_bytes: int,
    licenses: Mapping[str, str] | None = None,
    on_file: Callable[[SourceFigures], None] | None = None,
) -> Ingested:
    """Read every source below `workdir`/ingest (which is emptied first); `on_file` hears of each as it is done.

    `licenses` maps globs over the sources' names to what their rows are licensed under, where a row does not say so
    itself; the first that matches holds. A source that is not data is refused as a whole and leaves no rows. Raises
    SourceError when no source could be read, UsageError for a shape that does not exist.
    """
    limits = _limits(shape, batch_bytes, max_record_bytes, licenses or {})
    folder = workdir / "ingest"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = find_sources(sources)
    taken: list[_Taken] = []
    rows = 0
    for number, source in enumerate(found):
        taken.append(_take(source, number, folder, rows, limits))
        rows += taken[-1].figures.records
        if on_file:
            on_file(taken[-1].figures)
    figures = [each.figures for each in taken]
    if not any(each.status == "read" for each in figures):
        raise SourceError(_nothing_read(figures))
    unreadable = _joined([path for each in taken for path in each.unreadable], folder / "unreadable.parquet")
    inputs = [_entry(each, source) for each, source in zip(figures, found, strict=True)]
    return Ingested([path for each in taken for path in each.records], unreadable, figures, inputs)


def read_records(
    source: str,
    *,
    shape: str | None = None,
    batch_bytes: int = _DEFAULTS.batch_bytes,
    max_record_bytes: int = _DEFAULTS.max_record_bytes,
) -> pl.DataFrame:
    """All records of one source in RECORD_SCHEMA, the way `ingest` reads them; its unreadable rows are left out.

    Raises SourceError where any part of it is refused.
    """
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        result = ingest(
            [source],
            workdir=Path(folder),
            shape=shape,
            batch_bytes=batch_bytes,
            max_record_bytes=max_record_bytes,
        )
        refused = next((each for each in result.sources if each.status == "refused"), None)
        if refused:
            raise SourceError(f"{refused.source}: {refused.refusal}")
        return pl.concat([pl.read_parquet(part) for part in result.records])


def _limits(shape: str | None, batch_bytes: int, max_record_bytes: int, licenses: Mapping[str, str]) -> Limits:
    if shape is not None and shape not in SHAPES:
        raise UsageError(f"--shape {shape}: no such shape; choose one of {', '.join(SHAPES)}")
    return Limits(shape, batch_bytes, max_record_bytes, licenses)


def _nothing_read(figures: list[SourceFigures]) -> str:
    if not figures:
        return "no source was named; give a file, a folder, a glob or a URL"
    told = [f"{each.source}: {each.refusal}" for each in figures[:_NAMED_IN_ERROR]]
    more = len(figures) - len(told)
    return " | ".join([*told, f"and {more} more sources were refused"] if more else told)


def _entry(figures: SourceFigures, source: Source) -> InputEntry:
    path = str(source.path) if isinstance(source, FileSource) else None
    return InputEntry(
        source=figures.source, path=path, sha256=figures.sha256, bytes=figures.bytes, status=figures.status
    )


def _take(source: Source, number: int, folder: Path, first_row_id: int, limits: Limits) -> _Taken:
    """Read one source into parts of its own, which go away again where it is refused."""
    own = folder / f"{number:05d}"
    own.mkdir()
    known: dict[str, Any] = {}
    try:
        with _opened(source, own, limits, known) as opened:
            known |= {"format": opened.format, "compression": opened.compression}
            return _write(source.name, opened, own, first_row_id, limits, known, _license_of(source, limits.licenses))
    except SourceError as error:
        shutil.rmtree(own)
        return _Taken(SourceFigures(source=source.name, status="refused", refusal=str(error), **known), [], [])


def _license_of(source: Source, licenses: Mapping[str, str]) -> str | None:
    """What the rows of a source are licensed under where they do not say so: by the settings, or as the source says."""
    said = next((license for glob, license in licenses.items() if fnmatchcase(source.name, glob)), None)
    if said is None and isinstance(source, DatasetSource):
        said = source.dataset.info.license or None
    return said


@contextmanager
def _opened(source: Source, own: Path, limits: Limits, known: dict[str, Any]) -> Iterator[Opened]:
    """Open any kind of source; size and hash go into `known` as soon as they are."""
    if isinstance(source, RefusedSource):
        raise SourceError(source.why)
    if isinstance(source, DatasetSource):
        known["bytes"] = sum(Path(file["filename"]).stat().st_size for file in source.dataset.cache_files)
        yield Opened("datasets", None, dataset_rows(source.dataset, batch_bytes=limits.batch_bytes))
        return
    path = Path(source.path) if isinstance(source, FileSource) else _fetched(source, own)
    before = _state(path)
    known["sha256"], known["bytes"] = fingerprint(path)
    with open_file(
        path,
        source.name,
        workdir=own,
        batch_bytes=limits.batch_bytes,
        max_bytes=limits.max_record_bytes,
    ) as opened:
        yield opened
    if _state(path) != before:
        raise SourceError("changed while it was read; wait until it is written, then run the same command again")
    if isinstance(source, RemoteSource):
        path.unlink()


def _state(path: Path) -> tuple[int, int, int] | None:
    """By what another file or another content in the same place is known; null where nothing can be seen there."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # reading it tells
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _fetched(source: RemoteSource, own: Path) -> Path:
    """A local copy: formats that are read from their end, and hashes, need the whole file on disk."""
    copy = own / "fetched"
    try:
        with source.filesystem.open(source.path, "rb") as remote, copy.open("wb") as local:
            shutil.copyfileobj(remote, local, _COPY_BYTES)
    except Exception as error:  # each filesystem has errors of its own
        line = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
        raise SourceError(f"cannot be fetched ({line}); check the URL and its credentials") from error
    return copy


def _write(
    name: str,
    opened: Opened,
    own: Path,
    first_row_id: int,
    limits: Limits,
    known: dict[str, Any],
    license: str | None,
) -> _Taken:
    shape = limits.shape
    records: list[Path] = []
    unreadable: list[Path] = []
    counts = {"rows": 0, "records": 0, "unreadable": 0}
    first: Broken | None = None
    for index, batch in enumerate(opened.batches):
        shape = shape or detect(row.value for row in batch.rows)
        made, broken = _shaped(batch, name, shape)
        if made.height:
            numbered = made.with_columns(
                row_id=_numbers(made.height, first_row_id + counts["records"]),
                license=pl.col("license").fill_null(pl.lit(license, dtype=pl.String)),
            )
            records.append(_save(numbered, own / f"{index:06d}.parquet"))
        if broken:
            first = first or broken[0]
            unreadable.append(_save(_unreadable_frame(name, broken), own / f"{index:06d}-unreadable.parquet"))
        counts["rows"] += len(batch.rows) + len(batch.broken)
        counts["records"] += made.height
        counts["unreadable"] += len(broken)
    _refuse_without_records(counts, first)
    count("read", counts["rows"], counts["rows"])
    figures = SourceFigures(source=name, status="read", shape=shape, **known | counts)
    return _Taken(figures, records, unreadable)


def _shaped(batch: Batch, name: str, shape: str | None) -> tuple[pl.DataFrame, list[Broken]]:
    """The batch's records, and all its rows that make none, in the order of their numbers."""
    plain = plain_records(batch.rows, name, shape)
    made: list[dict[str, Any]] = []
    broken = list(batch.broken)
    for row in plain.others:
        try:
            made += _records_of(row, name, shape)
        except NotARecord as found:
            broken.append(Broken(row.number, found.reason, found.detail, excerpt_of(row)))
    return _together(plain.frame, made), sorted(broken, key=lambda each: each.number)


def _together(plain: pl.DataFrame | None, made: list[dict[str, Any]]) -> pl.DataFrame:
    """Both as one frame in reading order; a row's records stay as they were made."""
    if plain is None or not made:
        return record_frame(made, 0) if plain is None else plain
    return pl.concat([plain, record_frame(made, 0)]).sort("source_row", maintain_order=True)


def _numbers(rows: int, first: int) -> pl.Series:
    return pl.int_range(first, first + rows, dtype=pl.Int64, eager=True)


def _records_of(row: Row, name: str, shape: str | None) -> list[dict[str, Any]]:
    drafts = drafts_of(row.value, shape)
    if len(drafts) == 1:
        return [record(drafts[0], source=name, source_row=row.number, part=0)]
    return [record(draft, source=name, source_row=row.number, part=part) for part, draft in enumerate(drafts, start=1)]


def _refuse_without_records(counts: dict[str, int], first: Broken | None) -> None:
    if counts["rows"] == 0:
        raise SourceError("holds no rows; remove it or fill it")
    if counts["records"] == 0 and first is not None:
        which = "its only row is" if counts["rows"] == 1 else f"all {counts['rows']} rows are"
        raise SourceError(f"{which} unreadable; row {first.number}: unreadable.{first.reason} ({first.detail})")


def _unreadable_frame(name: str, broken: list[Broken]) -> pl.DataFrame:
    rows = [(name, each.number, 0, f"unreadable.{each.reason}", each.detail, each.excerpt) for each in broken]
    return pl.DataFrame(rows, schema=UNREADABLE_SCHEMA, orient="row")


def _joined(parts: list[Path], target: Path) -> Path:
    """The parts as one file, or an empty one."""
    empty = pl.DataFrame(schema=UNREADABLE_SCHEMA).lazy()
    whole = pl.concat([empty, *(pl.scan_parquet(part) for part in parts)])
    partial = target.with_suffix(".partial")
    whole.sink_parquet(partial)
    return partial.rename(target)


def _save(frame: pl.DataFrame, target: Path) -> Path:
    """Written under another name first, so that a file with the right name is a whole file."""
    partial = target.with_suffix(".partial")
    frame.write_parquet(partial, compression="lz4")
    return partial.rename(target)
