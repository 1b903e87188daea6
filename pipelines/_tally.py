"""How much of a run's work was new, how much was known before, and what it took: counted where it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

_counting: ContextVar["Tally | None"] = ContextVar("counting", default=None)


class Tally:
    """Counts by step, which are the fields of `schemas.report.New`. Threads may count at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, dict[str, int]] = {}
        self._seconds: dict[str, float] = {}

    def add(self, step: str, every: int, new: int) -> None:
        with self._lock:
            counts = self._counts.setdefault(step, {"all": 0, "new": 0})
            counts["all"] += every
            counts["new"] += new

    def spend(self, step: str, seconds: float) -> None:
        with self._lock:
            self._seconds[step] = self._seconds.get(step, 0.0) + seconds

    def spent(self) -> dict[str, float]:
        """Seconds of each step that was timed."""
        with self._lock:
            return {step: round(seconds, 3) for step, seconds in self._seconds.items()}

    def told(self) -> dict[str, dict[str, int]]:
        """`all` and `new` of each step that was counted."""
        with self._lock:
            return {step: dict(counts) for step, counts in self._counts.items()}

    def take_in(self, told: dict[str, Any]) -> None:
        """Add what another tally told: that of another stage, or of a worker that did a part of this one."""
        for step, counts in told.items():
            self.add(step, counts["all"], counts["new"])


@contextmanager
def tallied() -> Iterator[Tally]:
    """Whatever is counted within, in this thread and in those that are given its context, is in the tally."""
    tally = Tally()
    before = _counting.set(tally)
    try:
        yield tally
    finally:
        _counting.reset(before)


def count(step: str, every: int, new: int) -> None:
    """A step needed `every` things, and worked out `new` of them. Nobody hears of it where nobody counts."""
    if tally := _counting.get():
        tally.add(step, every, new)


def spend(step: str, seconds: float) -> None:
    """A step took so long."""
    if tally := _counting.get():
        tally.spend(step, seconds)


def take_in(told: dict[str, Any]) -> None:
    """Count what another process counted for us."""
    if tally := _counting.get():
        tally.take_in(told)
