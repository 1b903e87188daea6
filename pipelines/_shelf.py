"""The shelf: where finished releases are published, each once and under a name of its own.

SHELF/2026-01-31-1f0c9a.../manifest.json   written last: a folder without it is no release yet
SHELF/2026-01-31-1f0c9a.../...             the files that the manifest lists, and no others
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from pipelines._manifest import read_manifest
from pipelines._workspace import settle, synced
from schemas.errors import ReleaseError, UsageError
from schemas.manifest import MANIFEST, FileEntry, Manifest


class Published(NamedTuple):
    """Where a release stands now, and what this call did about it."""

    url: str  # of its folder
    files: int  # that the release has, the manifest included
    written: int  # of them, by this call; 0 where all was there


def publish(release: Path, shelf: str) -> Published:
    """Put the release on the shelf, its files first and its manifest last; what is there already stays.

    Whether it passes its gate is the caller's business. Nothing is ever overwritten but what an interrupted call
    left half written. Raises ReleaseError where a file is not what the manifest says, or where another release stands
    under this name, and UsageError where the shelf cannot be reached or written.
    """
    manifest = read_manifest(release)
    last = (release / MANIFEST).read_bytes()
    name = name_of(manifest, last)
    with _reached(shelf):
        place = _Place.at(shelf, name)
        there = place.sizes()
        if MANIFEST in there:
            _refuse_other(place.read(MANIFEST), last, place.url)
            return Published(place.url, len(manifest.files) + 1, 0)
        missing = [entry for entry in manifest.files if there.get(entry.path) != entry.bytes]
        for entry in missing:
            _put(release, entry, place)
        stored = place.sizes()
        for entry in manifest.files:
            if stored.get(entry.path) != entry.bytes:
                raise UsageError(f"{place.url}/{entry.path}: was not stored whole; publish again")
        # A run that replaced the release meanwhile has also replaced its manifest.
        if (release / MANIFEST).read_bytes() != last:
            raise ReleaseError(f"{release}: was made again while it was published; publish it again")
        place.write(MANIFEST, last)
    return Published(place.url, len(manifest.files) + 1, len(missing) + 1)


def name_of(manifest: Manifest, content: bytes) -> str:
    """The name under which a release is published: its day (UTC), its run, and eight digits of its manifest's SHA-256.

    Equal settings and inputs have equal runs, whatever version of Assay made them; the manifest tells those apart.
    """
    return f"{manifest.created[:10]}-{manifest.run_id}-{hashlib.sha256(content).hexdigest()[:8]}"


def _put(release: Path, entry: FileEntry, place: "_Place") -> None:
    """One file, hashed as it is sent, so that what stands on the shelf is what the manifest says."""
    try:
        file = (release / entry.path).open("rb")
    except FileNotFoundError as error:
        raise ReleaseError(f"{release / entry.path}: is missing from the release; run `assay curate` again") from error
    with file:
        if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
            raise ReleaseError(f"{release / entry.path}: was altered after the release was made; curate again")
        file.seek(0)
        place.send(file, entry.path)


def _refuse_other(there: bytes, ours: bytes, url: str) -> None:
    if there != ours:
        raise ReleaseError(f"{url}: another release stands under this name; nothing published is ever changed")


class _Place(NamedTuple):
    """The folder of one release on a filesystem that fsspec knows."""

    filesystem: Any
    path: str
    url: str

    @classmethod
    def at(cls, shelf: str, name: str) -> "_Place":
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(shelf)
        folder = f"{path.rstrip('/')}/{name}"
        return cls(filesystem, folder, f"{shelf.rstrip('/')}/{name}")

    @property
    def _is_local(self) -> bool:
        protocol = self.filesystem.protocol
        return "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def sizes(self) -> dict[str, int]:
        """Bytes of what is there, by its path below the folder; what others wrote meanwhile counts."""
        self.filesystem.invalidate_cache()
        if not self.filesystem.exists(self.path):
            return {}
        found = self.filesystem.find(self.path, detail=True)
        inside = PurePosixPath(self.path)
        return {PurePosixPath(path).relative_to(inside).as_posix(): info["size"] for path, info in found.items()}

    def read(self, name: str) -> bytes:
        content: bytes = self.filesystem.cat_file(f"{self.path}/{name}")
        return content

    def write(self, name: str, content: bytes) -> None:
        from io import BytesIO

        self.send(BytesIO(content), name)

    def send(self, content: Any, name: str) -> None:
        """All of a file or nothing: an object store shows an object once it is whole, a disk once it is renamed."""
        target = f"{self.path}/{name}"
        if self._is_local:
            _send_locally(content, Path(target))
            return
        with self.filesystem.open(target, "wb") as sink:
            shutil.copyfileobj(content, sink, 2**22)


def _send_locally(content: Any, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.aside")
    with aside.open("wb") as sink:
        shutil.copyfileobj(content, sink, 2**22)
    settle(aside, target)
    with suppress(OSError):  # not every filesystem syncs folders
        synced(target.parent)


@contextmanager
def _reached(shelf: str) -> Iterator[None]:
    """A shelf that does not answer, or may not be written, is an error of the call."""
    try:
        yield
    except (ReleaseError, UsageError):
        raise
    except ImportError as error:
        raise UsageError(f"{shelf}: {error}; for s3:// install assay[s3]") from error
    except Exception as error:  # each of fsspec's filesystems has errors of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UsageError(f"{shelf}: cannot be published to ({reason}); check it, its rights and credentials") from error
