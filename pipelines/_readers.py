"""From an open file to batches of rows: what a file is follows from its content first, then its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import orjson

from pipelines._arrow_rows import arrow_rows, parquet_rows
from pipelines._csv_rows import csv_rows
from pipelines._json_scan import WRAPPERS, is_wrapped
from pipelines._json_stream import json_elements
from pipelines._lines import json_lines
from pipelines._rows import Batch, excerpt
from pipelines._shapes import detect
from pipelines._streams import Stream, open_stream
from schemas.errors import SourceError

EXTENSIONS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow")
"""What is read from a folder, plain or with one of COMPRESSED behind it."""

COMPRESSED = (".gz", ".zst")

_HEAD_BYTES = 2**16
_COPY_BYTES = 2**20
_LINE_FORMATS = (".jsonl", ".ndjson")
_TABLE_FORMATS = {".csv": "csv", ".tsv": "tsv"}


class Opened(NamedTuple):
    """A file that is being read. `format` and `compression` are named as in the report."""

    format: str
    compression: str | None
    batches: Iterator[Batch]


def data_extension(name: str) -> str | None:
    """The data extension of a file name, or None.

    >>> data_extension("a/rows.jsonl.gz"), data_extension("notes.txt")
    ('.jsonl', None)
    """
    path = PurePosixPath(name.lower())
    if path.suffix in COMPRESSED:
        path = path.with_suffix("")
    return path.suffix if path.suffix in EXTENSIONS else None


@contextmanager
def open_file(path: Path, name: str, *, workdir: Path, batch_bytes: int, max_bytes: int) -> Iterator[Opened]:
    """Batches of the file's rows. Raises SourceError, here or while reading, for what is not data.

    A compressed Parquet or Arrow file is unpacked below `workdir`: they are read from their ends.
    """
    with open_stream(path, _HEAD_BYTES) as stream:
        kind = _format(stream.head, data_extension(name), name)
        if kind in ("parquet", "arrow"):
            with _on_disk(path, stream, workdir) as file:
                read = parquet_rows if kind == "parquet" else arrow_rows
                yield Opened(kind, stream.compression, read(file, batch_bytes=batch_bytes))
            return
        if kind == "jsonl":
            batches = json_lines(stream.read, batch_bytes=batch_bytes, max_bytes=max_bytes)
        elif kind in ("csv", "tsv"):
            batches = csv_rows(stream.read, batch_bytes=batch_bytes, max_bytes=max_bytes)
        else:
            wrapped = _is_wrapped(_beginning(stream.head))
            batches = json_elements(stream.read, batch_bytes=batch_bytes, max_bytes=max_bytes, wrapped=wrapped)
        yield Opened(kind, stream.compression, batches)


def _format(head: bytes, extension: str | None, name: str) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    text = _beginning(head)
    if not text:
        raise SourceError("holds no rows; it is empty")
    if extension in (".parquet", ".arrow"):
        raise SourceError(f"is no {extension[1:]} file; it begins with {excerpt(text[:20])!r}")
    if extension in _TABLE_FORMATS and not _looks_like_json(text):
        return _TABLE_FORMATS[extension]
    if text[:1] == b"[" and not (extension in _LINE_FORMATS and _is_list_on_a_line(text)):
        return "json"
    if extension is None and text[:1] != b"{":
        raise SourceError(
            f"is not data that Assay reads ({PurePosixPath(name).name}); give one of {', '.join(EXTENSIONS)}"
        )
    return "jsonl" if _is_lines(text, extension) else "json"


def _beginning(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()


def _looks_like_json(text: bytes) -> bool:
    """Whether what is called a table is JSON: a header that opens with a bracket would be a strange one."""
    return (text[:1] == b"[" and text[1:].lstrip()[:1] in (b"{", b"[")) or _parsed(_lines_of(text)[0]) is not None


def _is_list_on_a_line(text: bytes) -> bool:
    """Whether a bracket opens only a line of its own, among lines of objects, and not the list of all rows."""
    first, *others = _lines_of(text)
    if first.strip() == b"[":
        return False
    return any(line[:1] == b"{" and _parsed(line) is not None for line in others)


def _is_lines(text: bytes, extension: str | None) -> bool:
    """Whether objects stand one a line. An object over many lines, or around a list of rows, does not."""
    if text[:1] != b"{":
        return True
    if _is_wrapped(text):
        return False
    written = _lines_of(text)
    if _parsed(written[0]) is not None:
        return True
    if extension in _LINE_FORMATS:
        return written[0].strip() != b"{" or len(written) == 1
    return len(written) == 1 or any(line[:1] == b"{" and _parsed(line) is not None for line in written[1:])


def _is_wrapped(text: bytes) -> bool:
    if text[:1] != b"{":
        return False
    first = _parsed(_lines_of(text)[0])
    if first is None:
        return is_wrapped(text)
    lists = any(isinstance(first.get(key), list) for key in WRAPPERS)
    return lists and is_wrapped(text) and detect([first]) is None


def _lines_of(text: bytes) -> list[bytes]:
    return [line for line in text.split(b"\n") if line.strip()]


def _parsed(line: bytes) -> dict[str, object] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


@contextmanager
def _on_disk(path: Path, stream: Stream, workdir: Path) -> Iterator[Path]:
    """The plain bytes as a file: the source itself, or a copy that goes away afterwards."""
    if stream.compression is None:
        yield path
        return
    copy = workdir / "unpacked"
    try:
        with copy.open("wb") as file:
            while piece := stream.read(_COPY_BYTES):
                file.write(piece)
        yield copy
    finally:
        copy.unlink(missing_ok=True)
