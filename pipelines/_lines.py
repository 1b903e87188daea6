"""Lines of a byte stream with their numbers, in bounded memory, and JSON read line by line."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import orjson

from pipelines._rows import Batch, Broken, Row, excerpt

_BOM = b"\xef\xbb\xbf"
# orjson stops at 1,024 levels.
TOO_DEEP = "is nested deeper than 1024 levels"
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_A_NUMBER = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|(-?Infinity|NaN)', re.DOTALL)


class Line(NamedTuple):
    """One line without its newline. `text` is None where it was longer than allowed; `start` is how it begins."""

    number: int
    text: bytes | None
    start: bytes


def lines(read: Callable[[int], bytes], *, batch_bytes: int, max_bytes: int) -> Iterator[list[Line]]:
    """All lines, blank ones too, in lists of about `batch_bytes`. Never holds more than a batch and a line."""
    number, rest, skipping = 1, _without_bom(read(batch_bytes)), b""
    while rest:
        found = rest.split(b"\n")
        tail = found.pop()
        # Reading as much as is waiting keeps a long line from being joined again for every small batch.
        chunk = read(max(batch_bytes, len(tail)))
        if skipping and found:
            found[0] = skipping + found[0]
        batch = [_line(number + index, text, max_bytes) for index, text in enumerate(found)]
        if skipping and batch:
            batch[0], skipping = Line(number, None, skipping), b""
        number += len(found)
        if not chunk:
            batch += [Line(number, None, skipping)] if skipping else [_line(number, tail, max_bytes)]
            tail = b""
        elif skipping or len(tail) > max_bytes + 1:
            skipping, tail = skipping or tail[:1024], b""
        yield batch
        rest = tail + chunk


def _line(number: int, text: bytes, max_bytes: int) -> Line:
    return Line(number, text if len(text) <= max_bytes else None, text[:1024])


def _without_bom(chunk: bytes) -> bytes:
    return chunk.removeprefix(_BOM)


def too_long(number: int, start: bytes, max_bytes: int) -> Broken:
    """The finding for a row beyond the limit, whatever its format."""
    detail = f"is longer than {max_bytes} bytes; raise ingest.max_record_bytes if it is one record"
    return Broken(number, "too_long", detail, excerpt(start))


def json_lines(read: Callable[[int], bytes], *, batch_bytes: int, max_bytes: int) -> Iterator[Batch]:
    """One JSON value a line; blank lines are no rows but keep their numbers."""
    for batch in lines(read, batch_bytes=batch_bytes, max_bytes=max_bytes):
        rows: list[Row] = []
        broken: list[Broken] = []
        for number, text, start in batch:
            if text is None:
                broken.append(too_long(number, start, max_bytes))
                continue
            try:
                rows.append(Row(number, orjson.loads(text), text))
            except orjson.JSONDecodeError as error:
                if text.strip():
                    broken.append(unparsed(number, text, error))
        yield Batch(rows, broken)


def unparsed(number: int, raw: bytes, error: orjson.JSONDecodeError) -> Broken:
    """Why `raw` is not JSON, in the ledger's words."""
    reason, detail = _diagnosis(raw, error)
    return Broken(number, reason, detail, excerpt(raw.lstrip()))


def _diagnosis(raw: bytes, error: orjson.JSONDecodeError) -> tuple[str, str]:
    if b"\x00" in raw:
        return "nul", f"holds a NUL byte at byte {raw.index(0) + 1}"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return "encoding", f"byte 0x{raw[wrong.start]:02x} at byte {wrong.start + 1} is not UTF-8"
    if "depth" in error.msg or "ecursion" in error.msg:
        return "too_deep", TOO_DEEP
    if "surrogate" in error.msg and _LONE_SURROGATE.search(raw):
        return "encoding", f"a lone surrogate at character {error.pos + 1} is not text"
    word = next((found[1] for found in _NOT_A_NUMBER.finditer(raw) if found[1]), None)
    if word:
        return "json", f"{word.decode()} is not JSON"
    return "json", f"{error.msg} at character {error.pos + 1}"
