"""Going on after a training was killed: which checkpoints are whole, and whether they are of the same training."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines._workspace import synced
from schemas.errors import UsageError

CHECKPOINTS = "checkpoints"
TRAINING = "training.json"
# Written into a checkpoint when all its files are on the disk.
_WHOLE = "whole"


def remember(out: Path, what: dict[str, Any]) -> None:
    """Write down what is trained, or find that it is the same as before. Raises UsageError where it is not."""
    path = out / TRAINING
    known = read(path)
    if known is None:
        # The name of what is written first, if it was stopped at that.
        if out.is_dir() and any(found != _beside(path) for found in out.iterdir()):
            raise UsageError(f"{out}: is not empty and holds no training; choose a new folder for --out")
        out.mkdir(parents=True, exist_ok=True)
        return write(path, what)
    other = [f"{key} was {known.get(key)}, is {what[key]}" for key in what if known.get(key) != what[key]]
    if other:
        raise UsageError(f"{out}: holds another training ({'; '.join(other)}); call as before, or choose another --out")
    return None


def read(path: Path) -> dict[str, Any] | None:
    """A JSON file's content; null where there is none. Raises UsageError for what is no JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read; remove its folder, or choose another --out") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path}: is not what was written there; remove its folder, or choose another --out")
    return content


def write(path: Path, content: dict[str, Any]) -> None:
    """The whole file or none, whenever the machine stops."""
    aside = _beside(path)
    aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    synced(aside)
    aside.replace(path)
    synced(path.parent)


def put(folder: Path, fill: Callable[[Path], object]) -> None:
    """The whole folder as `fill` writes it or, whenever the machine stops, none."""
    aside = _beside(folder)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    fill(aside)
    _sync(aside)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)
    synced(folder.parent)


def seal(checkpoint: Path) -> None:
    """Say of a checkpoint that it is whole, once all its files are on the disk."""
    _sync(checkpoint)
    (checkpoint / _WHOLE).touch()
    _sync(checkpoint)


def last_checkpoint(out: Path) -> Path | None:
    """The newest whole one; null where there is none. What was being written when the process ended is removed."""
    found = sorted((out / CHECKPOINTS).glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for broken in (path for path in found if not (path / _WHOLE).is_file()):
        shutil.rmtree(broken)
    return next((path for path in reversed(found) if path.is_dir()), None)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _sync(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        synced(path)
