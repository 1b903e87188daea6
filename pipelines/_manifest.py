"""The manifest: hashes of everything in a release, written last, checked before anything is believed."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from pipelines._workspace import OWNED, save_json
from schemas.errors import ReleaseError
from schemas.manifest import MANIFEST, FileEntry, Manifest


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_once(path: Path) -> str:
    """The same of a large file that many ask for: read once in a process while its size and its times stand."""
    found = path.stat()
    return _once(path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@cache
def _once(path: Path, *_: int) -> str:
    return sha256_of(path)


def files_in(out: Path) -> list[FileEntry]:
    """Every file of the release but the manifest, sorted by path."""
    paths = sorted(
        path
        for name in OWNED
        if name != MANIFEST
        for path in ([out / name] if (out / name).is_file() else (out / name).rglob("*"))
        if path.is_file()
    )
    with ThreadPoolExecutor() as pool:  # hashing leaves Python's lock to others
        return [
            FileEntry(path=path.relative_to(out).as_posix(), sha256=digest, bytes=path.stat().st_size)
            for path, digest in zip(paths, pool.map(sha256_of, paths), strict=True)
        ]


def write_manifest(manifest: Manifest, out: Path) -> None:
    """The last file of a run."""
    save_json(manifest.model_dump(mode="json"), out / MANIFEST)


def read_manifest(out: Path) -> Manifest:
    """The manifest of the release in `out`. Raises ReleaseError when there is none that can be read."""
    path = out / MANIFEST
    if not out.is_dir():
        raise ReleaseError(f"{out}: is not a folder; give the folder that `assay curate --out` wrote")
    if not path.is_file():
        raise ReleaseError(f"{out}: has no {MANIFEST}, so no run finished here; run `assay curate` again")
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise ReleaseError(f"{path}: cannot be read as a manifest; run `assay curate` again") from error


def verify(out: Path) -> Manifest:
    """The manifest, after every file in the release and every source still at hand matched its hash.

    Raises ReleaseError naming the first file that is missing, altered or added, or the source that
    has changed since.
    """
    manifest = read_manifest(out)
    verify_files(out, manifest)
    _refuse_stale(manifest, out)
    return manifest


def verify_files(out: Path, manifest: Manifest) -> None:
    """Raise ReleaseError naming the first file of the release that is missing, altered or added."""
    now = {entry.path: entry for entry in files_in(out)}
    then = {entry.path: entry for entry in manifest.files}
    for path in sorted(then.keys() | now.keys()):
        if path not in now:
            raise ReleaseError(f"{out / path}: is missing from the release; run `assay curate` again")
        if path not in then:
            raise ReleaseError(f"{out / path}: was added after the release was made; remove it or curate again")
        if then[path].sha256 != now[path].sha256:
            raise ReleaseError(f"{out / path}: was altered after the release was made; run `assay curate` again")


def _refuse_stale(manifest: Manifest, out: Path) -> None:
    for entry in manifest.inputs:
        source = out / entry.path if entry.path else None
        # A source that is gone proves nothing either way: a release may outlive its raw data.
        if source and entry.sha256 and source.is_file() and sha256_of(source) != entry.sha256:
            raise ReleaseError(f"{entry.source}: has changed since the release was made; run `assay curate` again")
