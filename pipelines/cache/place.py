"""Where files lie: a local folder, or a folder of any store that fsspec knows. Only whole files appear in it."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Protocol

from pipelines.cache.home import is_remote, local_folder

ASIDE = ".aside"
"""The ending of a file that is being written; a process that was killed leaves one behind."""

LOCK = ".lock"

# Files up to this size are fetched at once: another request costs more than these bytes.
_AT_ONCE = 2**22


class Entry(NamedTuple):
    """A file: `used` is when it was last read or written, in seconds since 1970 (a URL's store knows only writing)."""

    path: str  # POSIX, below the place
    bytes: int
    used: float


class Place(Protocol):
    """A folder of files that are written whole, read, and removed, never changed."""

    is_local: bool

    def entries(self, below: str = "") -> list[Entry]:
        """Every file below, sorted by path; none where there is no such folder."""

    def open(self, entry: Entry) -> Any:
        """A pyarrow file to read a part of; where every part costs a request, a small file comes whole."""

    def fetch(self, entry: Entry) -> Any:
        """A pyarrow file to read all of."""

    def write(self, path: str, data: Any) -> None:
        """Put a file there in one step; readers see nothing or all of it."""

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is no error."""

    def touch(self, path: str, used: float) -> None:
        """Note the time of use, where the place can."""

    def alone(self, below: str) -> AbstractContextManager[bool]:
        """Hold a folder for work that need not be done twice; false where another process holds it."""

    def tidy(self, below: str) -> None:
        """Remove a folder that holds no file, and those around it that then hold none."""


def place_at(root: str) -> Place:
    """The place that a path or a URL names. Raises ValueError for a scheme that fsspec does not know."""
    return _Remote(root) if is_remote(root) else _Local(local_folder(root))


class _Local:
    is_local = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self, below: str = "") -> list[Entry]:
        found = []
        for folder, _, files in os.walk(self.folder / below):
            for name in files:
                with suppress(OSError):  # another process removed it
                    seen = os.stat(os.path.join(folder, name))
                    path = os.path.relpath(os.path.join(folder, name), self.folder).replace(os.sep, "/")
                    found.append(Entry(path, seen.st_size, seen.st_mtime))
        return sorted(found)

    def open(self, entry: Entry) -> Any:
        import pyarrow as pa

        # Not mapped: of a mapped file, a disk's read error would end the process.
        return pa.OSFile(str(self.folder / entry.path), "rb")

    def fetch(self, entry: Entry) -> Any:
        return self.open(entry)

    def write(self, path: str, data: Any) -> None:
        try:
            self._write(self.folder / path, data)
        except FileNotFoundError:  # another process tidied the folder away as it was made
            self._write(self.folder / path, data)

    def _write(self, target: Path, data: Any) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.stem}.{os.getpid()}.{secrets.token_hex(4)}{ASIDE}")
        try:
            # Not synced to the disk: what a power cut leaves is found damaged, and made again.
            aside.write_bytes(data)
            aside.replace(target)
        except BaseException:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise

    def remove(self, path: str) -> None:
        (self.folder / path).unlink(missing_ok=True)

    def touch(self, path: str, used: float) -> None:
        with suppress(OSError):  # a cache that may only be read is still of use
            os.utime(self.folder / path, (used, used))

    @contextmanager
    def alone(self, below: str) -> Iterator[bool]:
        lock = os.open(self.folder / below / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)

    def tidy(self, below: str) -> None:
        with suppress(OSError):  # it holds something: not empty, or in use
            if [path.name for path in (self.folder / below).iterdir()] == [LOCK]:
                (self.folder / below / LOCK).unlink()
            for folder in (self.folder / below, *(self.folder / below).parents):
                if folder == self.folder:
                    break
                folder.rmdir()


class _Remote:
    is_local = False

    def __init__(self, url: str) -> None:
        import fsspec

        self._files, self._root = fsspec.core.url_to_fs(url)
        self._root = self._root.rstrip("/")

    def entries(self, below: str = "") -> list[Entry]:
        self._files.invalidate_cache()
        try:
            found = self._files.find(self._at(below), detail=True)
        except FileNotFoundError:
            return []
        return sorted(
            Entry(str(PurePosixPath(path).relative_to(self._root)), int(about.get("size") or 0), _written(about))
            for path, about in found.items()
        )

    def open(self, entry: Entry) -> Any:
        import pyarrow as pa

        if entry.bytes <= _AT_ONCE:
            return self.fetch(entry)
        return pa.PythonFile(self._files.open(self._at(entry.path), "rb", cache_type="none"), mode="r")

    def fetch(self, entry: Entry) -> Any:
        import pyarrow as pa

        return pa.BufferReader(self._files.cat_file(self._at(entry.path)))

    def write(self, path: str, data: Any) -> None:
        target = self._at(path)
        self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(target, bytes(data))

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._files.rm_file(self._at(path))

    def touch(self, path: str, used: float) -> None:
        """Nothing: object stores note when a file was written, not when it was read."""

    def alone(self, below: str) -> AbstractContextManager[bool]:
        """Always true: there are no locks, and two who do the same work only waste it."""
        return nullcontext(True)

    def tidy(self, below: str) -> None:
        """Nothing: where there is no file, there is no folder."""

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/")


def _written(about: dict[str, Any]) -> float:
    """When a file was written, under the names that fsspec's filesystems give it; now where they do not say."""
    said = next(
        (about[name] for name in ("LastModified", "mtime", "last_modified", "updated", "created") if about.get(name)),
        None,
    )
    if isinstance(said, int | float):
        return float(said)
    try:
        return float(said.timestamp())  # type: ignore[union-attr]
    except AttributeError:
        return time.time()
