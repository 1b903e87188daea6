"""Whole processes, measured from outside: wall and CPU seconds, and the peak of memory of a process and its children"""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# How often memory is looked at: a peak shorter than this may be missed.
EVERY = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Ran(NamedTuple):
    """How a process ended; seconds, and bytes resident in it and all its descendants together."""

    code: int
    wall: float
    cpu: float
    peak: int


def run_measured(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, timeout: float) -> Ran:
    """Run `argv` in a session of its own; what it prints goes into `log`.

    After `timeout` seconds the process and what it started are killed, and the code is that of the signal.
    """
    began = time.monotonic()
    with log.open("wb") as sink:
        process = subprocess.Popen(
            argv, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
        watch = _Watch(process.pid)
        killer = threading.Timer(timeout, watch.kill)
        killer.start()
        watch.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            watch.kill()
            raise
        finally:
            killer.cancel()
            process.returncode = 0  # it was waited for: Popen shall not do it again
            watch.end()
    wall = time.monotonic() - began
    # Children that were killed, or left running, are in no one's rusage but were seen.
    cpu = max(usage.ru_utime + usage.ru_stime, watch.cpu)
    return Ran(os.waitstatus_to_exitcode(status), wall, cpu, max(watch.peak, usage.ru_maxrss * 1024))


class _Watch(threading.Thread):
    """Looks at every process of a session until it ends."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._session = session
        self._seconds: dict[int, float] = {}
        self._over = threading.Event()

    @property
    def cpu(self) -> float:
        return sum(self._seconds.values())

    def run(self) -> None:
        while not self._over.wait(EVERY):
            held = 0
            for pid, stat in _session(self._session):
                self._seconds[pid] = (int(stat[11]) + int(stat[12])) / _TICKS
                held += int(stat[21]) * _PAGE
            self.peak = max(self.peak, held)

    def end(self) -> None:
        self._over.set()
        self.join()

    def kill(self) -> None:
        """What is left of the session ends."""
        for pid, _ in _session(self._session):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, 9)


def _session(session: int) -> list[tuple[int, list[bytes]]]:
    """Process ids of a session, with the fields of /proc/PID/stat after the name (field 3 is the first)."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path("/proc", name, "stat").read_bytes().rpartition(b")")[2].split()
                if int(stat[3]) == session:
                    found.append((int(name), stat))
    return found
