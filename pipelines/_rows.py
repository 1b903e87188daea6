"""What a reader yields: rows with their numbers, and rows that cannot be read with the reason."""

import base64
import re
from typing import Any, NamedTuple

import orjson

from pipelines._json_blocks import Piece

EXCERPT_CHARACTERS = 200
"""An excerpt is for recognising a row, not for keeping it."""

# Control characters, line separators and bidirectional overrides would garble a terminal or a report.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Row(NamedTuple):
    """One row as parsed. `raw` is its text in the file, None where a row has no text of its own."""

    number: int  # from 1: the line in line formats, the record elsewhere
    value: Any
    raw: bytes | Piece | None


class Broken(NamedTuple):
    """One row that cannot be read. `reason` is what follows `unreadable.` in the ledger."""

    number: int
    reason: str
    detail: str
    excerpt: str


class Batch(NamedTuple):
    """A bounded piece of a source: `rows` and `broken` partition the rows it covers, both in order."""

    rows: list[Row]
    broken: list[Broken]


class NotARecord(Exception):
    """A parsed row that does not say what its shape needs; never leaves ingest."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def excerpt(text: bytes | str) -> str:
    r"""The first EXCERPT_CHARACTERS characters of `text`, safe to print.

    >>> excerpt(b'a\x00b\tc')
    'a\\x00b\\tc'
    """
    if isinstance(text, bytes):
        text = text[: 4 * EXCERPT_CHARACTERS].decode("utf-8", "replace")
    escaped = _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text[:EXCERPT_CHARACTERS])
    return escaped[:EXCERPT_CHARACTERS]


def excerpt_of(row: Row) -> str:
    """The excerpt of a parsed row: its own text where it has one, else its value as JSON."""
    if row.raw is not None:
        return excerpt(row.raw.text() if isinstance(row.raw, Piece) else row.raw)
    try:
        return excerpt(orjson.dumps(row.value, default=json_default, option=orjson.OPT_NON_STR_KEYS))
    except TypeError:
        return excerpt(repr(row.value))


def json_default(value: Any) -> str:
    """How a value that JSON does not know stands in metadata: bytes as base64, the rest as its text."""
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    return str(value)


def kind_of(value: Any) -> str:
    """The word for a JSON value's type, for messages to a person.

    >>> kind_of(True), kind_of(5), kind_of([1])
    ('a boolean', 'a number', 'a list')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return "text" if isinstance(value, str) else f"a {type(value).__name__}"


def shown(value: Any) -> str:
    """A value in one short line, for messages to a person."""
    text = excerpt(repr(value) if not isinstance(value, str) else value)
    return text if len(text) <= 40 else text[:39] + "…"
