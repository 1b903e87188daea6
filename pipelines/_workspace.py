"""The run's folder: who may use it, how files get into it, and where stages leave their frames.

A release takes an earlier one's place name by name, and may be stopped between two. READY in the work folder says
that the new one is whole, so whoever comes next carries on: the folder then holds the new release, never a mixture.
"""

import fcntl
import glob
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import polars as pl

from schemas.errors import UsageError
from schemas.manifest import MANIFEST

WORK = ".work"
"""What a run needs while it runs; removed at its end, unless that was forced upon it: then the next goes on from it."""

STAGED = "release"
"""In the work folder: the release that is being written."""

READY = "ready.json"
"""In the work folder: the names that the finished release consists of; it is being put in its place."""

LOCK = ".lock"

OWNED = (
    MANIFEST,
    "ledger.parquet",
    "records.parquet",
    "pairs.parquet",
    "unreadable.jsonl",
    "report.json",
    "report.schema.json",
    "report.html",
    "README.md",
    "croissant.json",
    "splits",
    "dataset",
    "exports",
    "data_docs",
)
"""What a release consists of."""


@contextmanager
def workspace(out: Path) -> Iterator[Path]:
    """Hold the folder `out` for one run and yield its work folder, which holds what a killed run left there.

    The work folder goes when the run ends, but for an interruption (KeyboardInterrupt). An earlier release in `out`
    stays whole until `install`; an `install` that was stopped is finished first. Raises UsageError when the folder
    is not ours to overwrite, cannot be written, or is in use.
    """
    _refuse_foreign(out)
    made = [path for path in (out, *out.parents) if not path.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = _hold(out)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another folder for --out") from error
    work = out / WORK
    left = False
    try:
        carry_on(out)
        work.mkdir(exist_ok=True)
        yield work
    except KeyboardInterrupt:
        left = True
        raise
    finally:
        if not left:
            shutil.rmtree(work, ignore_errors=True)
        _release(out, lock, made)


def refuse_overlap(out: Path, sources: Iterable[str]) -> None:
    """Raise UsageError where a run would read what it, or an earlier run, wrote to `out`, or would overwrite a source.

    URLs are not looked at.
    """
    target = out.resolve()
    for source in sources:
        for path in _paths(source):
            if path == target or target in path.parents:
                raise UsageError(f"--out {out}: holds the source {source}; choose a folder that holds no source")
            if path in target.parents and path.is_dir():
                raise UsageError(
                    f"--out {out}: lies in the source {source}, so the next run would read this one's output; "
                    "choose a folder outside"
                )


def _paths(source: str) -> list[Path]:
    """What a source names on this machine, links resolved."""
    if "://" in source and not source.startswith("file://"):
        return []
    name = source.removeprefix("file://")
    try:
        named = [name] if os.path.lexists(name) else glob.glob(name, recursive=True)
        return [Path(os.path.realpath(path)) for path in named]
    except ValueError:  # a NUL in the name; ingest says so
        return []


def _refuse_foreign(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file; --out needs a folder")
    if not out.is_dir():
        return
    names = {path.name for path in out.iterdir()}
    if names and not names & {MANIFEST, WORK, LOCK}:
        raise UsageError(f"{out}: holds files that are not a release of Assay; choose an empty folder for --out")


def _hold(out: Path) -> int:
    """The open lock of `out`, which the system lets go of when its holder dies, however it dies."""
    path = out / LOCK
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(lock, 32).decode("ascii", "replace").strip()
            os.close(lock)
            who = f" (process {holder})" if holder.isdigit() else ""
            raise UsageError(
                f"{out}: another run is writing there{who}; wait for it or choose another --out"
            ) from error
        # Its last holder may have removed the file between our opening and holding it: then it holds off nobody.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), os.stat(path)):
                os.truncate(lock, 0)
                os.write(lock, f"{os.getpid()}\n".encode())
                return lock
        os.close(lock)


def _release(out: Path, lock: int, made: list[Path]) -> None:
    (out / LOCK).unlink(missing_ok=True)
    os.close(lock)
    with suppress(OSError):  # folders made for a run that then wrote nothing
        for path in made:
            path.rmdir()


def install(staged: Path, out: Path) -> None:
    """Put the whole release in `staged`, below the work folder, in the place of an earlier one in `out`.

    Both must lie on one filesystem. Until here the earlier release is whole; whoever looks in between finds no
    manifest, and so no release. From here the new one is whole: `carry_on` finishes what is stopped.
    """
    _sync(staged)
    save_json([name for name in OWNED if (staged / name).exists()], staged.parent / READY)
    carry_on(out)


def is_left(out: Path) -> bool:
    """Whether there is a work folder or a lock: of a run that is on, or of one that was killed."""
    return (out / WORK).exists() or (out / LOCK).exists()


def carry_on(out: Path) -> bool:
    """Put the release that is ready below `out` in its place, as far as it is not; false without one."""
    work = out / WORK
    try:
        names = json.loads((work / READY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    staged = work / STAGED
    # What is ours and no longer staged was moved already.
    clear_release(out, keeping={name for name in names if not (staged / name).exists()})
    for name in (*(name for name in OWNED if name != MANIFEST), MANIFEST):
        if (staged / name).exists():
            (staged / name).rename(out / name)
    synced(out)
    shutil.rmtree(work)
    return True


def _sync(folder: Path) -> None:
    """Everything below the folder is on the disk."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(synced, [folder, *folder.rglob("*")]))


def synced(path: Path) -> None:
    """A file's content, or a folder's names, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def clear_release(out: Path, keeping: Iterable[str] = ()) -> None:
    """Remove what an earlier run left, the manifest first, so that no file of it can pass for this run's."""
    for name in (name for name in OWNED if name not in keeping):
        path = out / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def clear_work(work: Path) -> None:
    """Empty the work folder."""
    shutil.rmtree(work)
    work.mkdir()


def save_frame(frame: pl.DataFrame | pl.LazyFrame, path: Path, *, passing: bool = False) -> Path:
    """Write Parquet aside, sync and rename; a lazy frame is written as it is read, a part at a time.

    What is `passing`, read once by the next stage, is packed less and sooner done.
    """
    aside = path.with_name(f".{path.name}.aside")
    packing: Literal["lz4", "zstd"] = "lz4" if passing else "zstd"
    if isinstance(frame, pl.LazyFrame):
        frame.sink_parquet(aside, compression=packing)
    else:
        frame.write_parquet(aside, compression=packing)
    settle(aside, path)
    return path


def save_text(text: str, path: Path) -> Path:
    """Write UTF-8 aside, sync and rename. What UTF-8 cannot hold becomes a question mark."""
    aside = path.with_name(f".{path.name}.aside")
    aside.write_text(text, encoding="utf-8", errors="replace")
    settle(aside, path)
    return path


def save_json(content: Any, path: Path) -> Path:
    """Write indented JSON aside, sync and rename."""
    return save_text(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n", path)


def settle(aside: Path, path: Path) -> None:
    """Sync what was written aside, and give it its name."""
    synced(aside)
    aside.replace(path)
