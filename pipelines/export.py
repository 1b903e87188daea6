"""Export: the released records as canonical splits, as a saved dataset, and as trainers read them.

Everything is written aside and renamed, so that a folder is complete or absent. Equal records give equal
bytes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson
import polars as pl

from pipelines._aside import aside
from pipelines._canonical import canonical
from pipelines._released import Released
from pipelines._saved_dataset import SavedDataset
from pipelines.formats import Exporter, Refusal, exporter, fit, rows
from pipelines.formats._plain import is_plain
from schemas.errors import UsageError
from schemas.outcome import SPLITS
from schemas.report import ExportFigures, Refused

REFUSED = "refused.jsonl"

# Bounds the text that is joined in memory before it is written.
_LINES_AT_ONCE = 65_536


def write_splits(records: pl.DataFrame | Released, out: Path) -> None:
    """Write `out`/splits/{train,validation,test}.jsonl, each sorted by record_id; all three always exist.

    Every line has the keys of _canonical.LINE, null where absent. A message has role and content, and of the
    other keys those that any record of the release uses, null where absent.
    """
    with aside(out / "splits") as folder, ExitStack() as stack:
        files = {split: stack.enter_context((folder / f"{split}.jsonl").open("wb")) for split in SPLITS}
        for lines in _canonical_parts(records):
            for split, file in files.items():
                _of(lines, split).write_ndjson(file)


def write_dataset(records: pl.DataFrame | Released, out: Path) -> None:
    """Write `out`/dataset: a DatasetDict with what the splits' files hold, typed; all three splits exist."""
    with aside(out / "dataset") as folder, ExitStack() as stack:
        dataset: SavedDataset | None = None
        for lines in _canonical_parts(records):
            schema = lines.drop("split").schema
            dataset = dataset or stack.enter_context(SavedDataset(folder, map(str, SPLITS), schema))
            for split in SPLITS:
                dataset.add(split, _of(lines, split))


def export(
    records: pl.DataFrame | Released, *, formats: Sequence[str], out: Path, max_tokens: int
) -> list[ExportFigures]:
    """Write the records as each of `formats` reads them, below `out`/FORMAT. Files are named below `out`'s parent."""
    return [export_format(records, name, out=out / name, max_tokens=max_tokens, below=out.parent) for name in formats]


def export_format(
    records: pl.DataFrame | Released, name: str, *, out: Path, max_tokens: int, below: Path | None = None
) -> ExportFigures:
    """Write the folder `out` for one trainer: its files, and refused.jsonl with a reason for every other record.

    `rows` and `refused` of the figures sum to the records. Rows that call tools come first, because
    loaders take column types from the first rows; then the order is by record_id. Raises UsageError for
    an unknown format, and where `out` holds anything but an earlier export.
    """
    to = exporter(name)
    if out.exists() and not _replaceable(out):
        raise UsageError(f"{out}: is no earlier export and would be replaced; name a new folder")
    with aside(out) as folder:
        written = _write_format(_released(records), to, folder, max_tokens)
    base = below or out
    return ExportFigures(
        format=name,
        rows=written.rows,
        refused=written.refused.height,
        refusals=_by_reason(written.refused),
        files=sorted(path.relative_to(base).as_posix() for path in out.rglob("*") if path.is_file()),
    )


def _replaceable(out: Path) -> bool:
    return out.is_dir() and ((out / REFUSED).exists() or not any(out.iterdir()))


class _Written(NamedTuple):
    rows: int
    refused: pl.DataFrame


def _write_format(records: Released, to: Exporter, folder: Path, max_tokens: int) -> _Written:
    counts: Counter[tuple[str, str]] = Counter()
    refused = [pl.DataFrame(schema=_REFUSED)]
    with ExitStack() as stack:
        files = _Files(stack, to, folder)
        for part in records.calls_first():
            judged = _judged(part.with_row_index("place"), to, max_tokens)
            refused.append(judged.refused)
            for (task, split), lines in judged.lines.partition_by("task", "split", as_dict=True).items():
                counts[task, split] += lines.height
                files.write(to.path(task, split), lines["text"])
    for name, text in to.extras(counts, max_tokens).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    frame = pl.concat(refused).sort("record_id", "source", "source_row")
    frame.write_ndjson(folder / REFUSED)
    return _Written(counts.total(), frame)


_REFUSED = {
    "record_id": pl.String,
    "source": pl.String,
    "source_row": pl.Int64,
    "split": pl.String,
    "reason": pl.String,
    "detail": pl.String,
}
_LINES = {"place": pl.UInt32, "task": pl.String, "split": pl.String, "text": pl.String}


class _Judged(NamedTuple):
    """`lines` has place, task, split and text (JSON), by place; with `refused` it has each record once."""

    lines: pl.DataFrame
    refused: pl.DataFrame


def _judged(part: pl.DataFrame, to: Exporter, max_tokens: int) -> _Judged:
    """What the trainer gets of each record. Plain records are judged and written as columns, the others one by one."""
    plain = is_plain(max_tokens) & to.plain.fits.fill_null(False) if to.plain else pl.lit(False)
    known = part.with_columns(plain=plain)["plain"]
    lines: list[tuple[Any, ...]] = []
    refused: list[tuple[Any, ...]] = []
    for row in rows(part.filter(~known), "split", "place"):
        result = fit(row, to, max_tokens=max_tokens)
        if isinstance(result, Refusal):
            refused.append((row["record_id"], row["source"], row["source_row"], row["split"], *result))
        else:
            lines.append((row["place"], result.task, row["split"], _json(result.content).decode()))
    others = pl.DataFrame(lines, schema=_LINES, orient="row")
    return _Judged(
        pl.concat([_plain_lines(part.filter(known), to), others]).sort("place"),
        pl.DataFrame(refused, schema=_REFUSED, orient="row"),
    )


def _plain_lines(records: pl.DataFrame, to: Exporter) -> pl.DataFrame:
    if to.plain is None:
        return pl.DataFrame(schema=_LINES)
    return records.select(
        "place", task=pl.lit(to.plain.task), split="split", text=to.plain.content.struct.json_encode()
    )


class _Files:
    """The files of a format, each opened when its first row comes, or at once where it always exists."""

    def __init__(self, stack: ExitStack, to: Exporter, folder: Path) -> None:
        self._stack, self._folder, self._arrays = stack, folder, to.arrays
        self._open: dict[str, IO[bytes]] = {}
        self._begun: set[str] = set()
        for name in to.always:
            self._file(name)

    def write(self, name: str, lines: pl.Series) -> None:
        """Append `lines`, which are JSON: as lines, or as elements of one array, an element a line."""
        file, between = self._file(name), ",\n" if self._arrays else "\n"
        for some in lines.to_frame().iter_slices(_LINES_AT_ONCE):
            if name in self._begun:
                file.write(between.encode())
            elif self._arrays:
                file.write(b"\n")
            self._begun.add(name)
            file.write(some.to_series().str.join(between).item().encode())

    def _file(self, name: str) -> IO[bytes]:
        if name not in self._open:
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            self._open[name] = self._stack.enter_context((self._folder / name).open("wb"))
            if self._arrays:
                self._open[name].write(b"[")
            self._stack.callback(self._end, name)
        return self._open[name]

    def _end(self, name: str) -> None:
        if self._arrays:
            self._open[name].write(b"\n]\n")
        elif name in self._begun:
            self._open[name].write(b"\n")


def _json(content: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:  # an integer beyond 64 bits, in a tool call's arguments
        import json

        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _by_reason(refused: pl.DataFrame) -> list[Refused]:
    counts = refused.group_by("reason").len("rows").sort(["rows", "reason"], descending=[True, False])
    return [Refused(reason=reason, rows=number) for reason, number in counts.iter_rows()]


def _released(records: pl.DataFrame | Released) -> Released:
    return records if isinstance(records, Released) else Released(records)


def _canonical_parts(records: pl.DataFrame | Released) -> Iterator[pl.DataFrame]:
    """Canonical lines with their split, by record_id; at least one part, which may be empty."""
    released = _released(records)
    return (canonical(part, released.message_keys) for part in released.in_order())


def _of(lines: pl.DataFrame, split: str) -> pl.DataFrame:
    return lines.filter(pl.col("split") == split).drop("split")
