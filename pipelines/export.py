"""Export: the released records as canonical splits, as a saved dataset, and as trainers read them.

Everything is written aside and renamed, so that a folder is complete or absent. Equal records give equal
bytes.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson
import polars as pl

from pipelines._canonical import ORDER, canonical, features_of
from pipelines.formats import Exporter, Line, Refusal, Row, exporter, fit, rows
from schemas.errors import UsageError
from schemas.outcome import SPLITS
from schemas.report import ExportFigures, Refused

REFUSED = "refused.jsonl"


def write_splits(records: pl.DataFrame, out: Path) -> None:
    """Write `out`/splits/{train,validation,test}.jsonl, each sorted by record_id; all three always exist.

    Every line has the keys of _canonical.LINE, null where absent. A message has role and content, and of the
    other keys those that any record of the release uses, null where absent.
    """
    lines = canonical(records)
    with _aside(out / "splits") as folder:
        for split in SPLITS:
            _of(lines, split).write_ndjson(folder / f"{split}.jsonl")


def write_dataset(records: pl.DataFrame, out: Path) -> None:
    """Write `out`/dataset: a DatasetDict with what the splits' files hold, typed; all three splits exist."""
    import datasets

    lines = canonical(records)
    features = features_of(lines.drop("split").schema)
    parts = {split: datasets.Dataset.from_polars(_of(lines, split), features=features) for split in map(str, SPLITS)}
    with _aside(out / "dataset") as folder, _no_progress_bars():
        # An empty split needs its one shard said: without it there is no file, and loading fails.
        shards = {split: None if len(part) else 1 for split, part in parts.items()}
        datasets.DatasetDict(parts).save_to_disk(folder, num_shards=shards)


def export(records: pl.DataFrame, *, formats: Sequence[str], out: Path, max_tokens: int) -> list[ExportFigures]:
    """Write the records as each of `formats` reads them, below `out`/FORMAT. Files are named below `out`'s parent."""
    return [export_format(records, name, out=out / name, max_tokens=max_tokens, below=out.parent) for name in formats]


def export_format(
    records: pl.DataFrame, name: str, *, out: Path, max_tokens: int, below: Path | None = None
) -> ExportFigures:
    """Write the folder `out` for one trainer: its files, and refused.jsonl with a reason for every other record.

    `rows` and `refused` of the figures sum to the records. Rows that call tools come first, because
    loaders take column types from the first rows; then the order is by record_id. Raises UsageError for
    an unknown format, and where `out` holds anything but an earlier export.
    """
    to = exporter(name)
    if out.exists() and not _replaceable(out):
        raise UsageError(f"{out}: is no earlier export and would be replaced; name a new folder")
    with _aside(out) as folder:
        written = _write_format(records, to, folder, max_tokens)
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


def _write_format(records: pl.DataFrame, to: Exporter, folder: Path, max_tokens: int) -> _Written:
    counts: Counter[tuple[str, str]] = Counter()
    refused: list[tuple[Any, ...]] = []
    with ExitStack() as stack:
        file = _opener(stack, to, folder)
        for name in to.always:
            file(name)
        for row, result in _judged(records, to, max_tokens):
            if isinstance(result, Refusal):
                refused.append((row["record_id"], row["source"], row["source_row"], row["split"], *result))
            else:
                counts[result.task, row["split"]] += 1
                file(to.path(result.task, row["split"]))(result.content)
    for name, text in to.extras(counts, max_tokens).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    frame = pl.DataFrame(refused, schema=_REFUSED, orient="row").sort("record_id", "source", "source_row")
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


def _judged(records: pl.DataFrame, to: Exporter, max_tokens: int) -> Iterator[tuple[Row, Line | Refusal]]:
    calls = pl.col("messages").list.eval(pl.element().struct.field("tool_calls").list.len() > 0).list.any()
    ordered = records.sort(~calls.fill_null(False), *ORDER)
    return ((row, fit(row, to, max_tokens=max_tokens)) for row in rows(ordered, "split"))


def _opener(stack: ExitStack, to: Exporter, folder: Path) -> Callable[[str], Callable[[dict[str, Any]], None]]:
    """A function from a file's name to what appends a row to it; each file opens once."""
    writers: dict[str, Callable[[dict[str, Any]], None]] = {}

    def file(name: str) -> Callable[[dict[str, Any]], None]:
        if name not in writers:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context((folder / name).open("wb"))
            writers[name] = _array(stack, handle) if to.arrays else lambda content: _append(handle, content)
        return writers[name]

    return file


def _append(handle: IO[bytes], content: dict[str, Any]) -> None:
    handle.write(_json(content) + b"\n")


def _array(stack: ExitStack, handle: IO[bytes]) -> Callable[[dict[str, Any]], None]:
    """What appends to one JSON array, an element a line, closed with the stack."""
    separators = _separators()
    handle.write(b"[")
    stack.callback(handle.write, b"\n]\n")
    return lambda content: handle.writelines((next(separators), _json(content)))


def _separators() -> Iterator[bytes]:
    yield b"\n"
    while True:
        yield b",\n"


def _json(content: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:  # an integer beyond 64 bits, in a tool call's arguments
        import json

        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _by_reason(refused: pl.DataFrame) -> list[Refused]:
    counts = refused.group_by("reason").len("rows").sort(["rows", "reason"], descending=[True, False])
    return [Refused(reason=reason, rows=number) for reason, number in counts.iter_rows()]


def _of(lines: pl.DataFrame, split: str) -> pl.DataFrame:
    return lines.filter(pl.col("split") == split).drop("split")


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A new folder beside `target` that takes its place at the end, and vanishes if there is an error."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    import datasets

    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
