"""CSV and TSV out of a byte stream: the csv module parses, row by row, so that a broken row costs itself only."""

import csv
from collections import deque
from collections.abc import Callable, Iterator

from pipelines._lines import Line, lines, too_long
from pipelines._rows import Batch, Broken, Row, excerpt
from schemas.errors import SourceError

_DELIMITERS = (",", "\t", ";")
_HEADER_EXCERPT = 60


def csv_rows(read: Callable[[int], bytes], *, batch_bytes: int, max_bytes: int) -> Iterator[Batch]:
    """Every row under the header as a dict of texts; the number is the line on which the row starts.

    Raises SourceError where the first line cannot be a header.
    """
    source = _Lines(lines(read, batch_bytes=batch_bytes, max_bytes=max_bytes))
    header_line = source.next_written()
    if header_line is None:
        return
    header, delimiter = _header(header_line)
    table = _Table(source, header, delimiter, max_bytes)
    # The limit is the csv module's own, for the whole process; a longer field is a longer row.
    previous = csv.field_size_limit(max_bytes)
    try:
        yield from table.batches(batch_bytes)
    finally:
        csv.field_size_limit(previous)


def _header(line: Line) -> tuple[list[str], str]:
    text = (line.text or b"").decode("utf-8", "surrogateescape")
    delimiter = max(_DELIMITERS, key=text.count)
    try:
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter, strict=True))]
    except csv.Error:
        names = []
    if line.text is None or not names or not _is_text(text):
        raise SourceError(
            f"line {line.number} is not a header of column names ({excerpt(line.start)[:_HEADER_EXCERPT]})"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SourceError(f"two columns are called {twice!r}; rename one")
    return names, delimiter


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" or character == "\x00" for character in text)


class _Lines:
    """Lines one at a time, with a way back."""

    def __init__(self, batches: Iterator[list[Line]]) -> None:
        self._batches = batches
        self._waiting: deque[Line] = deque()

    def next(self) -> Line | None:
        while not self._waiting:
            batch = next(self._batches, None)
            if batch is None:
                return None
            self._waiting.extend(batch)
        return self._waiting.popleft()

    def next_written(self) -> Line | None:
        """The next line that is not blank."""
        while (line := self.next()) is not None and line.text is not None and not line.text.strip(b" \t\r"):
            pass
        return line

    def put_back(self, taken: list[Line]) -> None:
        self._waiting.extendleft(reversed(taken))


class _Table:
    def __init__(self, source: _Lines, header: list[str], delimiter: str, max_bytes: int) -> None:
        self._source = source
        self._header = header
        self._delimiter = delimiter
        self._max_bytes = max_bytes

    def batches(self, batch_bytes: int) -> Iterator[Batch]:
        batch, size = Batch([], []), 0
        while (line := self._source.next_written()) is not None:
            for item, length in self._rows_from(line):
                if isinstance(item, Row):
                    batch.rows.append(item)
                else:
                    batch.broken.append(item)
                size += length
            if size >= batch_bytes:
                yield batch
                batch, size = Batch([], []), 0
        yield batch

    def _rows_from(self, line: Line) -> Iterator[tuple[Row | Broken, int]]:
        """The row that starts on `line`. Lines are taken until its quotes are even: then it is whole."""
        if line.text is None:
            yield too_long(line.number, line.start, self._max_bytes), 0
            return
        first = self._parse([line.text])
        if first is not None and len(first) == 1:
            yield self._row(line.number, line.text, first[0]), len(line.text)
            return
        taken = self._until_even(line)
        joined = [piece.text or b"" for piece in taken]
        parsed = self._parse(joined) if len(taken) > 1 else None
        if parsed is not None and len(parsed) == 1:
            raw = b"\n".join(joined)
            yield self._row(line.number, raw, parsed[0]), len(raw)
            return
        self._source.put_back(taken[1:])
        yield Broken(line.number, "quotes", "a quoted field is not closed", excerpt(line.text)), len(line.text)

    def _until_even(self, line: Line) -> list[Line]:
        taken, size, quotes = [line], len(line.text or b""), (line.text or b"").count(b'"')
        while quotes % 2 and size <= self._max_bytes:
            following = self._source.next()
            if following is None:
                break
            taken.append(following)
            if following.text is None:
                break
            size += len(following.text)
            quotes += following.text.count(b'"')
        return taken

    def _parse(self, pieces: list[bytes]) -> list[list[str]] | None:
        """The rows in `pieces`, or None where a quote is left open or closed in the middle of a field."""
        texts = [piece.decode("utf-8", "surrogateescape") + "\n" for piece in pieces]
        try:
            return list(csv.reader(texts, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None

    def _row(self, number: int, raw: bytes, fields: list[str]) -> Row | Broken:
        if len(fields) != len(self._header):
            detail = f"has {len(fields)} fields where the header has {len(self._header)}"
            return Broken(number, "fields", detail, excerpt(raw))
        if not raw.isascii() or b"\x00" in raw:
            found = _not_text(raw)
            if found:
                return Broken(number, *found, excerpt(raw))
        return Row(number, dict(zip(self._header, fields, strict=True)), raw)


def _not_text(raw: bytes) -> tuple[str, str] | None:
    if b"\x00" in raw:
        return "nul", f"holds a NUL byte at byte {raw.index(0) + 1}"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return "encoding", f"byte 0x{raw[wrong.start]:02x} at byte {wrong.start + 1} is not UTF-8"
    return None
