"""Locks that the system lets go of when their holder dies, however it dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .private import FILE_MODE

# A look at whose the lock is holds it for some microseconds; so often, this far apart, it is tried to be taken.
TRIES, PAUSE_SECONDS = 20, 0.05


def take(path: Path) -> int | None:
    """Hold the lock for as long as this process lives, and say whose it is; null when another holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    for _ in range(TRIES):
        if _took(handle, fcntl.LOCK_EX):
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            return handle
        time.sleep(PAUSE_SECONDS)
    os.close(handle)
    return None


def holder(path: Path) -> int | None:
    """The process that holds the lock; null when nobody does. 0 in the instant before it has signed."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        if _took(handle, fcntl.LOCK_SH):
            return None
        said = os.pread(handle, 20, 0).strip()
        return int(said) if said.isdigit() else 0
    finally:
        os.close(handle)


def _took(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def exclusive(path: Path) -> Iterator[int]:
    """One at a time: waits until the lock is free. Gives its descriptor: a child that has it holds the lock too."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
