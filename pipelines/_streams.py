"""Opening files: by what they hold, never by their names alone, and always as a bounded stream."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from schemas.errors import SourceError

# The first bytes by which compressed and other binary formats name themselves.
_COMPRESSIONS = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_FOREIGN = (
    (b"BZh", "bzip2 data; unpack it, or pack it with gzip or zstd"),
    (b"\xfd7zXZ\x00", "xz data; unpack it, or pack it with gzip or zstd"),
    (b"PK\x03\x04", "a ZIP archive; unpack it and name the files in it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it and name the files in it"),
    (b"%PDF", "a PDF; Assay reads rows, not documents"),
    (b"SQLite format 3\x00", "an SQLite database; export its table as CSV or JSONL"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
    (b"version https://git-lfs", "a Git LFS pointer, not the data itself; run `git lfs pull`"),
)
# Text has next to none of these; a compressed or binary format has every fifth byte or more.
_BINARY_SHARE = 0.1
_TEXT_CONTROLS = bytes({9, 10, 12, 13, 27})
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS)


class Stream(NamedTuple):
    """An open source. `read(n)` gives at most n bytes, b"" at the end; `head` is read already and
    comes again from `read`."""

    head: bytes
    read: Callable[[int], bytes]
    compression: str | None


class Fingerprint(NamedTuple):
    sha256: str
    bytes: int


def fingerprint(path: Path) -> Fingerprint:
    """SHA-256 and size of a file's bytes. Raises SourceError where it cannot be read."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Fingerprint(digest, file.tell())
    except OSError as error:
        raise SourceError(why_not(error)) from error


def check_regular(path: Path) -> None:
    """Raises SourceError for all but a regular file: opening a FIFO or a device may never return."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise SourceError(why_not(error)) from error
    if not stat.S_ISREG(mode):
        raise SourceError("is a pipe, socket or device; save the data to a file and name that")


def why_not(error: OSError | ValueError) -> str:
    """One line for a failed open: what is wrong and the remedy."""
    if isinstance(error, FileNotFoundError):
        return "does not exist; check the path"
    if isinstance(error, PermissionError):
        return "may not be read (permission denied); change its permissions"
    if isinstance(error, OSError) and error.errno == 40:  # ELOOP
        return "is a loop of symbolic links; name the file itself"
    text = getattr(error, "strerror", None) or str(error)
    return f"cannot be opened ({text}); check the path"


@contextmanager
def open_stream(path: Path, head_bytes: int) -> Iterator[Stream]:
    """The decompressed bytes of a regular file. Raises SourceError for what cannot be text or a table,
    and, from `read`, for a damaged archive: half an archive is not a dataset."""
    check_regular(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceError(why_not(error)) from error
    with file:
        start = file.read(8)
        file.seek(0)
        compression = next((name for magic, name in _COMPRESSIONS if start.startswith(magic)), None)
        source: Any = pa.CompressedInputStream(file, compression) if compression else file
        read = _checked(source.read, compression)
        head = _fill(read, head_bytes)
        _refuse_foreign(head)
        yield Stream(head, _replaying(head, read), compression)


def _checked(read: Callable[[int], bytes], compression: str | None) -> Callable[[int], bytes]:
    """`read` with damage reported as a SourceError."""

    def checked(size: int) -> bytes:
        try:
            return read(size)
        except (OSError, EOFError, pa.ArrowException) as error:
            if compression:
                reason = str(error).splitlines()[0]
                raise SourceError(f"is a damaged or truncated {compression} file ({reason}); fetch it again") from error
            raise SourceError(f"cannot be read to its end ({error}); check the disk") from error

    return checked


def _fill(read: Callable[[int], bytes], size: int) -> bytes:
    pieces: list[bytes] = []
    while size > 0 and (piece := read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _replaying(head: bytes, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    left = head

    def replay(size: int) -> bytes:
        nonlocal left
        if not left:
            return read(size)
        piece, left = left[:size], left[size:]
        return piece

    return replay


def _refuse_foreign(head: bytes) -> None:
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise SourceError(f"is {what}")
    if head.startswith((b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")):
        return
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > _BINARY_SHARE * len(head):
        raise SourceError("is binary data or UTF-16 text; Assay reads UTF-8 text, Parquet and Arrow")
    if _is_markup(head):
        raise SourceError("is HTML or XML, not data; perhaps a web page was saved in its place: fetch the file itself")


def _is_markup(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    return start.startswith((b"<!doctype", b"<html", b"<?xml", b"<!--", b"<head", b"<body"))
