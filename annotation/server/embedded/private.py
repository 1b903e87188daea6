"""Files and folders that only their owner may read, so from the moment they exist."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def private_folder(path: Path) -> Path:
    """Make the folder (mode 700) and its parents; one that others could read is closed to them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=FOLDER_MODE)
    if path.stat().st_mode & 0o077:
        path.chmod(FOLDER_MODE)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace the file whole (mode 600): a reader finds the old text or the new, never half."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        aside.unlink()
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def append_private(path: Path) -> int:
    """A descriptor that appends to the file (mode 600)."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)


def write_private_json(path: Path, content: Any) -> None:
    write_private(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The file's content; null where there is none, or none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
