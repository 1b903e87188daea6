"""A CSV of answers as a frame: worker, task, label and perhaps gold, as text, whatever wrote the file."""

import csv
import io
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from schemas.errors import SourceError

COLUMNS = ("worker", "task", "label")
# Two million answers with long names; beyond it something else was meant.
MAX_BYTES = 2 * 2**30
# Python's csv takes no longer values.
MAX_HEADER = 100_000
PIECE = 16 * 2**20
_PACKINGS = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))


def read_answers(path: Path) -> pl.DataFrame:
    """Worker, task, label (and gold where the file has it) in the file's order; empty values are null.

    Plain, gzip or zstd; comma, semicolon or tab, as the header says; UTF-8 with or without a mark. Values are
    stripped of surrounding blanks; other columns are dropped. Raises SourceError naming the fault and the remedy.
    """
    text = _text(path)
    header = _header(path, text)
    separator = max(",;\t", key=header.count)
    names = [name.strip().lower() for name in next(csv.reader(io.StringIO(header), delimiter=separator), [])]
    for name in COLUMNS:
        if names.count(name) != 1:
            fault = "has no column" if name not in names else "has more than one column"
            raise SourceError(
                f"{path}: {fault} {name!r}; the first line must name worker, task, label and perhaps gold"
            )
    if names.count("gold") > 1:
        raise SourceError(f"{path}: has more than one column 'gold'; keep one")
    frame = _parsed(path, text, separator, names)
    wanted = [*COLUMNS, *(["gold"] if "gold" in names else [])]
    stripped = frame.select(pl.col(wanted).str.strip_chars())
    return stripped.select(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in wanted)


def _text(path: Path) -> str:
    raw = _unpacked(path)
    if len(raw) > MAX_BYTES:
        raise SourceError(f"{path}: holds more than {MAX_BYTES // 2**30} GiB; split it by task")
    if b"\0" in raw:
        raise SourceError(f"{path}: holds NUL bytes, so it is not text in UTF-8; save it as CSV in UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SourceError(f"{path}: is not UTF-8 (line {line}); save it as CSV in UTF-8") from error
    if not text.strip():
        raise SourceError(f"{path}: is empty; it needs the columns worker, task, label and one line an answer")
    # Old spreadsheets end lines with a carriage return alone.
    return (text if "\n" in text else text.replace("\r", "\n")).lstrip("\r\n")


def _unpacked(path: Path) -> bytes:
    """At most one byte more than allowed, so that what unpacks without end is found out."""
    try:
        # Opening a pipe may never return.
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceError(f"{path}: is no file; name a CSV file of answers")
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            packing = next((name for magic, name in _PACKINGS if start.startswith(magic)), None)
            return _read(pa.CompressedInputStream(file, packing) if packing else file)
    # pyarrow raises ValueError for a damaged archive, and Python for a path with a NUL.
    except (OSError, EOFError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise SourceError(f"{path}: cannot be read ({why}); name a CSV file of answers, plain, .gz or .zst") from error


def _read(source: Any) -> bytes:
    pieces: list[bytes] = []
    left = MAX_BYTES + 1
    while left and (piece := source.read(min(left, PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _header(path: Path, text: str) -> str:
    header = text.split("\n", 1)[0].rstrip("\r")
    if header.count('"') % 2 or len(header) > MAX_HEADER:
        fault = f"is longer than {MAX_HEADER:,} characters" if len(header) > MAX_HEADER else "has an unclosed quote"
        raise SourceError(f"{path}: the first line {fault}; it must name worker, task and label")
    return header


def _parsed(path: Path, text: str, separator: str, names: list[str]) -> pl.DataFrame:
    raw = text.encode()
    try:
        frame = pl.read_csv(raw, separator=separator, infer_schema=False, has_header=True, raise_if_empty=False)
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{path}: {_fault(text, separator, len(names), error)}") from error
    if frame.width != len(names):
        raise SourceError(f"{path}: {_fault(text, separator, len(names), None)}")
    return frame.rename(dict(zip(frame.columns, [f"{at}" for at in range(len(names))], strict=True))).rename(
        {f"{at}": name if names.count(name) == 1 else f"{name}:{at}" for at, name in enumerate(names)}
    )


def _fault(text: str, separator: str, width: int, error: Exception | None) -> str:
    """Where the file stops being CSV: read again, slowly, for the line."""
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        for row in reader:
            if len(row) > width:
                return (
                    f"line {reader.line_num} has {len(row)} values where the header has {width}; "
                    f"put values that hold {separator!r} in double quotes"
                )
    except csv.Error as problem:
        return f"line {reader.line_num} is not CSV ({problem}); correct it"
    return f"is not CSV ({str(error).splitlines()[0] if error else 'its lines do not fit its header'}); save it anew"
