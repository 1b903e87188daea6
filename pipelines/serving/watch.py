"""Watching: what lies at the sources, told apart from what lay there before, without reading any of it."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from annotation.home import make_home
from pipelines._sources import FileSource, RefusedSource, RemoteSource, find_sources
from pipelines._workspace import save_json

Seen = dict[str, str]
"""What stands for the content of each source, by the source's name."""

# What object stores and other filesystems say changes when a file does, the surest first.
_MARKS = ("ETag", "etag", "md5", "generation", "checksum", "LastModified", "last_modified", "mtime", "modified")
# Looks after which something new is read though it never rests, so that one busy file holds up no other.
_PATIENCE = 10


class Look(NamedTuple):
    """What was found, and what of it is worth a run."""

    now: Seen
    new: tuple[str, ...]  # names: new or changed since the last run was asked for, and at rest since the last look


class Watcher:
    """Remembers, beyond the process, what was there when a run was last asked for."""

    def __init__(self, config: Path, sources: Sequence[str]) -> None:
        self._sources = sources
        key = hashlib.sha256(str(config).encode()).hexdigest()[:16]
        self._path = make_home() / f"watched-{key}.json"
        self._before: Seen = {}
        self._waited = 0
        self._asked = _read(self._path)

    def look(self) -> Look:
        """What is there now. Something that still changes from look to look is left for a while, until it rests."""
        now = seen(self._sources)
        new = tuple(sorted(name for name, mark in now.items() if self._asked.get(name) != mark))
        # One that is still being written would be read in half, and again when it is whole.
        rests = all(self._before.get(name) == now[name] for name in new)
        self._before = now
        self._waited = self._waited + 1 if new else 0
        return Look(now, new if rests or self._waited > _PATIENCE else ())

    def asked_for(self, look: Look) -> None:
        """A run was asked for that reads what `look` found."""
        self._asked, self._waited = look.now, 0
        save_json(look.now, self._path)


def _read(path: Path) -> Seen:
    """What was kept; nothing where it cannot be read, which costs a run that changes nothing."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def seen(sources: Sequence[str]) -> Seen:
    """Name, size and time or etag of every file that the sources name; what cannot be read has its reason instead."""
    _forget_listings(sources)
    return dict(_marked(sources))


def _marked(sources: Sequence[str]) -> Iterator[tuple[str, str]]:
    for source in find_sources(sources):
        if isinstance(source, FileSource):
            yield source.name, _of_file(source.path)
        elif isinstance(source, RemoteSource):
            yield source.name, _of_object(source.filesystem.info(source.path))
        elif not isinstance(source, RefusedSource):
            # A saved dataset: its files were not listed one by one.
            yield source.name, getattr(source.dataset, "_fingerprint", "")


def _of_file(path: Path) -> str:
    found = os.stat(path)
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}"


def _of_object(info: dict[str, Any]) -> str:
    marks = [str(info[name]) for name in _MARKS if info.get(name) is not None]
    return ":".join([str(info.get("size")), *marks[:1]])


def _forget_listings(sources: Sequence[str]) -> None:
    """fsspec keeps listings of remote folders; what others put there since would not be seen."""
    import fsspec

    for name in sources:
        if "://" in name and not name.startswith("file://"):
            with suppress(Exception):  # each filesystem has errors of its own; the sources themselves tell of them
                fsspec.core.url_to_fs(name)[0].invalidate_cache()
