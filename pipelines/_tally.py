"""How much of a run's work was new, and how much was known before: counted where it is done, told in the report."""

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

    def add(self, step: str, every: int, new: int) -> None:
        with self._lock:
            counts = self._counts.setdefault(step, {"all": 0, "new": 0})
            counts["all"] += every
            counts["new"] += new

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


def take_in(told: dict[str, Any]) -> None:
    """Count what another process counted for us."""
    if tally := _counting.get():
        tally.take_in(told)
