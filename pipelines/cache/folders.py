"""Things that are folders, such as a converted model: made once, written aside, proven by digests when found."""

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson

from pipelines.cache import said
from pipelines.cache.home import local_folder
from pipelines.cache.place import ASIDE

CONTENTS = "contents.json"
"""The file that makes a folder one thing of the cache: the digest of each other file in it."""


class KeptFolder:
    """root/kind/made_by as one thing. A library that reads it needs a path, so it lies in a local folder.

    Where `root` is a URL that is the platform's own cache folder.
    """

    def __init__(self, root: str, kind: str, made_by: str) -> None:
        self._root = root
        self.path = local_folder(root) / kind / made_by

    def find(self) -> Path | None:
        """The folder, when it holds exactly what was written; else null."""
        if not self.is_sound():
            return None
        with suppress(OSError):  # a cache that may only be read is still of use
            os.utime(self.path / CONTENTS)
        return self.path

    def is_sound(self) -> bool:
        """Whether it holds exactly what was written. That it does not is told once; that nothing is there is not."""
        try:
            listed = (self.path / CONTENTS).read_bytes()
        except OSError:
            return False
        try:
            sound: bool = orjson.loads(listed) == _digests(self.path)
        except (OSError, ValueError):
            sound = False
        # Another process may have put another in its place, or removed it, meanwhile.
        if not sound and (self.path / CONTENTS).is_file():
            said.damaged(self._root, f"{self.path.parent.name}/{self.path.name}")
        return sound

    def keep(self, write: Callable[[Path], None]) -> Path:
        """Let `write` fill an empty folder, and keep it in the place of what is there. Returns where it is.

        Another process that keeps the same at once wins or loses; both get a whole folder. Raises OSError where the
        place cannot be written, and what `write` raises.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}{ASIDE}")
        aside.mkdir()
        try:
            write(aside)
            (aside / CONTENTS).write_bytes(orjson.dumps(_digests(aside), option=orjson.OPT_SORT_KEYS))
            return self._install(aside)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _install(self, aside: Path) -> Path:
        for _ in range(3):
            try:
                return aside.rename(self.path)
            except OSError:  # something is there: another process was first, or it is damaged
                if found := self.find():
                    return found
                with suppress(OSError):
                    damaged = aside.with_suffix(f".{time.time_ns()}{ASIDE}")
                    self.path.rename(damaged)
                    shutil.rmtree(damaged, ignore_errors=True)
        return aside.rename(self.path)


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 (hex) of every file below but the list of them."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / CONTENTS:
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
