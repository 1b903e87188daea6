"""Elements of a JSON array (or of objects one after another) out of a byte stream, in bounded memory.

Many elements are parsed at once. Where they do not parse, a small scanner finds where each ends, and orjson
parses it: an element that is broken costs itself only, and the scan goes on at the next thing that opens like
the elements before it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from pipelines import _json_blocks
from pipelines._json_blocks import Elements, Piece, elements
from pipelines._json_scan import (
    BROKEN,
    DEEP,
    FIRST_KEY,
    INCOMPLETE,
    SCALAR,
    SEPARATORS,
    TOKEN,
    WRAPPED,
    close,
    ends_where_it_should,
    so_far,
)
from pipelines._lines import TOO_DEEP, too_long, unparsed
from pipelines._rows import Batch, Broken, Row, excerpt

# An opener is a brace, white space, a key and a colon: it may lie across two reads.
_OVERLAP = 512
# Key orders that are kept to recognise the next element by.
_KNOWN_KEYS = 8
# From this size on, an element without an end is parsed as far as it goes, at each doubling. Most rows are shorter.
_SUSPICIOUS = 2**12


def json_elements(
    read: Callable[[int], bytes], *, batch_bytes: int, max_bytes: int, wrapped: bool = False
) -> Iterator[Batch]:
    """Every element of the array(s), or every top-level object; `wrapped` reads the lists under WRAPPERS."""
    scanner = _Scanner(read, batch_bytes, max_bytes, wrapped)
    rows: list[Row] = []
    broken: list[Broken] = []
    size = 0
    for item, length in scanner.elements():
        if isinstance(item, Row):
            rows.append(item)
        else:
            broken.append(item)
        size += length
        if size >= batch_bytes:
            yield Batch(rows, broken)
            rows, broken, size = [], [], 0
    yield Batch(rows, broken)


class _Scanner:
    """The state of one scan: a buffer, where in it the scan stands, and how elements open."""

    def __init__(self, read: Callable[[int], bytes], batch_bytes: int, max_bytes: int, wrapped: bool) -> None:
        self._read = read
        self._batch_bytes = batch_bytes
        self._max_bytes = max_bytes
        self._wrapped = wrapped
        self._buffer = b""
        self._at = 0
        self._ended = False
        self._number = 0
        self._inside = False  # of an array whose elements are rows
        self._keys: set[bytes] = set()
        self._opener: re.Pattern[bytes] | None = None
        self._careful = 0  # bytes that did not parse as a block, and are scanned

    def elements(self) -> Iterator[tuple[Row | Broken, int]]:
        """Every element with its length in bytes."""
        self._more()
        self._buffer = self._buffer.removeprefix(b"\xef\xbb\xbf")
        if self._wrapped:
            self._enter_wrapped()
        while self._skip_to_element():
            if found := self._block():
                yield from self._rows_of(found)
                continue
            self._number += 1
            start = self._at
            item = self._element()
            self._careful -= max(1, self._at - start)
            yield item, max(0, self._at - start)

    def _block(self) -> Elements | None:
        """Many elements at once, when the scan stands in an array and knows how elements open."""
        if self._opener is None or not self._inside or self._careful > 0:
            return None
        most = min(_json_blocks.BLOCK_BYTES, self._max_bytes)
        if len(self._buffer) - self._at < most and not self._ended:
            self._more()
        found = elements(self._buffer, self._at, self._opener, most)
        self._careful = 0 if found else most
        return found

    def _rows_of(self, found: Elements) -> Iterator[tuple[Row, int]]:
        self._at = found.end
        for value in {next(iter(value), None): value for value in found.values if isinstance(value, dict)}.values():
            self._learn(value)
        share = len(found.block) // len(found.values)
        for index, value in enumerate(found.values):
            yield Row(self._number + 1 + index, value, Piece(found.block, index)), share
        self._number += len(found.values)

    def _more(self) -> bool:
        """Drop what is done with and read on, at least doubling what waits. False at the end."""
        waiting = self._buffer[self._at :]
        chunk = b"" if self._ended else self._read(max(self._batch_bytes, len(waiting)))
        self._ended = not chunk
        self._buffer, self._at = waiting + chunk, 0
        return not self._ended

    def _skip_to_element(self) -> bool:
        """Move to the next element's first byte; go into and out of arrays on the way. False at the end."""
        while True:
            separators = SEPARATORS.match(self._buffer, self._at)
            self._at = separators.end() if separators else self._at
            if self._at == len(self._buffer):
                if not self._more():
                    return self._report_unclosed()
                continue
            byte = self._buffer[self._at]
            if self._inside and byte == 93:  # ]
                self._inside, self._at = False, self._at + 1
                if self._wrapped and not self._enter_wrapped():
                    return False
            elif not self._inside and byte == 91:  # [
                self._inside, self._at = True, self._at + 1
            else:
                return True

    def _report_unclosed(self) -> bool:
        """At the end of the bytes: an array that was never closed is one more broken element."""
        return self._inside

    def _enter_wrapped(self) -> bool:
        """Move into the next list of rows of the object around them."""
        while not (found := WRAPPED.search(self._buffer, self._at)):
            self._at = max(self._at, len(self._buffer) - _OVERLAP)
            if not self._more():
                return False
        self._inside, self._at = True, found.end()
        return True

    def _element(self) -> Row | Broken:
        if self._at == len(self._buffer):
            self._inside = False
            return Broken(self._number, "json", "the file ends before its list is closed: it is cut off", "")
        end = self._end_of_element()
        if end == DEEP:
            return self._pass_over_nest()
        if end == BROKEN:
            return self._recover(Broken(self._number, "json", "a bracket or quote in it is not closed", self._begin()))
        raw = self._buffer[self._at : end].rstrip(b" \t\r\n")  # a number or word ends where a comma stands
        if len(raw) > self._max_bytes:
            self._at = end
            return too_long(self._number, raw[:1024], self._max_bytes)
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            found = unparsed(self._number, raw, error)
            if not ends_where_it_should(raw):
                return self._recover(found)
            self._at = end
            return found
        self._learn(value)
        self._at = end
        return Row(self._number, value, raw)

    def _end_of_element(self) -> int:
        """Where the element at the scan's position ends, reading on as needed; BROKEN if it cannot be told."""
        if self._buffer[self._at] not in b"[{":
            return self._end_of_scalar()
        window = _SUSPICIOUS
        while True:
            limit = min(len(self._buffer), self._at + window)
            end = close(self._buffer, self._at, limit)
            if end != INCOMPLETE:
                return end
            if limit == self._at + window:
                verdict = so_far(self._buffer[self._at : limit])
                if verdict != INCOMPLETE:
                    return verdict
                window *= 2
            elif self._ended or limit - self._at > self._max_bytes:
                return BROKEN
            else:
                self._more()

    def _end_of_scalar(self) -> int:
        """The end of a number, string or word that stands where an object should."""
        while True:
            scalar = SCALAR.match(self._buffer, self._at)
            if scalar and (self._ended or scalar.end() < len(self._buffer)):
                follows = self._buffer[scalar.end() : scalar.end() + 1]
                return scalar.end() if follows in (b",", b"]", b"\n", b"") else BROKEN
            if self._ended or len(self._buffer) - self._at > self._max_bytes:
                return BROKEN
            self._more()

    def _learn(self, value: Any) -> None:
        """Remember by which key an element opens."""
        key = next(iter(value), None) if isinstance(value, dict) else None
        if key is None or len(self._keys) >= _KNOWN_KEYS:
            return
        quoted = orjson.dumps(key)
        if quoted not in self._keys:
            self._keys.add(quoted)
            self._opener = _opener(self._keys)

    def _recover(self, found: Broken) -> Broken:
        """Report the broken element, and move to the next one that opens like those before it."""
        begin = self._buffer[self._at : self._at + 1024]
        length = self._seek(self._opener or self._opener_of_first())
        if length > self._max_bytes:
            return too_long(self._number, begin, self._max_bytes)
        return found._replace(excerpt=excerpt(begin[:length]))

    def _begin(self) -> str:
        return excerpt(self._buffer[self._at : self._at + 1024])

    def _pass_over_nest(self) -> Broken:
        """Report an element that is nested too deep, and move to where its brackets are closed."""
        found = Broken(self._number, "too_deep", TOO_DEEP, self._begin())
        depth = 0
        while True:
            for token in TOKEN.finditer(self._buffer, self._at):
                depth += {1: 1, 2: -1}.get(token.lastindex or 0, 0)
                if token.lastindex == 3 and b"\n" not in self._buffer[token.start() :]:
                    break  # a string that may be closed in what is not read yet
                self._at = token.end()
                if depth == 0:
                    return found
            if not self._more():
                self._at, self._inside = len(self._buffer), False
                return found

    def _opener_of_first(self) -> re.Pattern[bytes]:
        """Before any element was good: the broken one's own first key, or any object after a comma."""
        own = FIRST_KEY.match(self._buffer, self._at)
        return _opener({own[1]}) if own else re.compile(rb"(?<=[\s,])\{")

    def _seek(self, opener: re.Pattern[bytes]) -> int:
        """Move to the next opener, or to the end. Returns the number of bytes that were passed over."""
        passed, self._at = 1, self._at + 1
        while not (found := opener.search(self._buffer, self._at)):
            keep = max(self._at, len(self._buffer) - _OVERLAP)
            passed, self._at = passed + keep - self._at, keep
            if not self._more():
                passed, self._at = passed + len(self._buffer) - self._at, len(self._buffer)
                self._inside = False
                return passed
        passed, self._at = passed + found.start() - self._at, found.start()
        return passed


def _opener(keys: set[bytes]) -> re.Pattern[bytes]:
    return re.compile(rb"\{\s*(?:" + b"|".join(re.escape(key) for key in sorted(keys)) + rb")\s*:")
