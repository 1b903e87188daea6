"""The run's folder: who may use it, how files get into it, and where stages leave their frames."""

import fcntl
import glob
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import polars as pl

from schemas.errors import UsageError
from schemas.manifest import MANIFEST

WORK = ".work"
"""What a run needs while it runs; removed at its end."""

OWNED = (
    MANIFEST,
    "ledger.parquet",
    "records.parquet",
    "unreadable.jsonl",
    "report.json",
    "report.schema.json",
    "report.html",
    "README.md",
    "splits",
    "dataset",
    "exports",
    "data_docs",
)
"""What a release consists of."""


@contextmanager
def workspace(out: Path) -> Iterator[Path]:
    """Hold the folder `out` for one run and yield its work folder, which goes when the run ends.

    An earlier release in `out` stays whole until `install`. Raises UsageError when the folder
    is not ours to overwrite, cannot be written, or is in use.
    """
    _refuse_foreign(out)
    made = [path for path in (out, *out.parents) if not path.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another folder for --out") from error
    _hold(lock, out)
    try:
        work = out / WORK
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        yield work
    finally:
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
    if names and not names & {MANIFEST, WORK, ".lock"}:
        raise UsageError(f"{out}: holds files that are not a release of Assay; choose an empty folder for --out")


def _hold(lock: int, out: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise UsageError(f"{out}: another run is writing there; wait for it or choose another --out") from error


def _release(out: Path, lock: int, made: list[Path]) -> None:
    shutil.rmtree(out / WORK, ignore_errors=True)
    (out / ".lock").unlink(missing_ok=True)
    os.close(lock)
    with suppress(OSError):  # folders made for a run that then wrote nothing
        for path in made:
            path.rmdir()


def install(staged: Path, out: Path) -> None:
    """Put the release in `staged` in the place of an earlier one in `out`, the manifest last.

    Both must lie on one filesystem. Until here the earlier release is whole; whoever looks in between
    finds no manifest, and so no release.
    """
    clear_release(out)
    for name in (*(name for name in OWNED if name != MANIFEST), MANIFEST):
        if (staged / name).exists():
            (staged / name).rename(out / name)


def clear_release(out: Path) -> None:
    """Remove what an earlier run left, the manifest first, so that no file of it can pass for this run's."""
    for name in OWNED:
        path = out / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


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
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(path)
