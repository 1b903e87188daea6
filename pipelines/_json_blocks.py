"""Whole elements of a JSON array, many at a time: what parses as one list needs no scanner to find where it ends."""

import re
from typing import Any, NamedTuple

import orjson

from pipelines._json_scan import SCALAR, SEPARATORS, close

BLOCK_BYTES = 2**18
"""What is parsed at once. A broken element costs the scanner as much; larger blocks are no faster."""

# Braces that are looked at, from the end of a block, for the one that opens an element.
_TRIES = 64
# White space between two elements, at most, for a block to end there.
_BETWEEN = 256


class Elements(NamedTuple):
    """Values that stood one after the other, the bytes they stood in, and where the next one begins."""

    values: list[Any]
    block: bytes
    end: int


class Piece(NamedTuple):
    """The bytes of one element, found when they are asked for."""

    block: bytes
    place: int  # from 0

    def text(self) -> bytes:
        at = 0
        for _ in range(self.place):
            at = _after(self.block, at)
        return self.block[at : _after(self.block, at)].rstrip(b" \t\r\n,")


def elements(buffer: bytes, start: int, opener: re.Pattern[bytes], most: int) -> Elements | None:
    """The elements from `start` up to the last that `opener` finds within `most` bytes; null where they do not parse.

    A piece that ends before a comma and the opener, and parses as a list, ends where an element does: inside of
    one, brackets or a quote would be left open. So the elements are those that a scanner finds one by one.
    """
    limit = min(len(buffer), start + most)
    end = _last(buffer, start, limit, opener)
    block = buffer[start:end].rstrip()
    if end == start or not block.endswith(b","):
        return None
    try:
        return Elements(orjson.loads(b"[" + block[:-1] + b"]"), block, end)
    except orjson.JSONDecodeError:
        return None


def _last(buffer: bytes, start: int, limit: int, opener: re.Pattern[bytes]) -> int:
    at = limit
    for _ in range(_TRIES):
        at = buffer.rfind(b"{", start + 1, at)
        if at < 0:
            return start
        if opener.match(buffer, at) and buffer[max(start, at - _BETWEEN) : at].rstrip()[-1:] == b",":
            return at
    return start


def _after(block: bytes, at: int) -> int:
    """Where the element after the one at `at` begins. The block is known to parse."""
    scalar = None if block[at] in b"[{" else SCALAR.match(block, at)
    end = scalar.end() if scalar else close(block, at, len(block))
    separators = SEPARATORS.match(block, end)
    return separators.end() if separators else end
