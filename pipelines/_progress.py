"""What a person sees while a run works: a bar on a terminal, one line per stage elsewhere.

Everything goes to stderr, so that stdout holds results alone.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Stage(NamedTuple):
    """A finished stage, as the report lists it."""

    name: str
    seconds: float
    rows_in: int
    kept: int
    dropped: int
    peak_memory_mb: float | None = None  # the most that this process held until now, in MiB


def counted(title: str, count: int, text: str) -> str:
    """One line of the account of a run: titles and counts stand below each other.

    >>> counted("read", 52002, "rows")
    'read             52,002 rows'
    """
    return f"{title:<13} {count:>9,} {text}"


class Reporter:
    """Says nothing. What a library caller or a worker gets; the worker has its own log."""

    def line(self, text: str) -> None:
        """One line for the person who waits."""

    def stage(self, stage: Stage) -> None:
        """A stage is done."""

    @contextmanager
    def working(self, what: str) -> Iterator[Any]:
        """While this lasts, `what` is going on. Yields a function (done, total)."""
        yield lambda done, total: None


class ConsoleReporter(Reporter):
    """For the command line."""

    def __init__(self) -> None:
        from rich.console import Console

        # Names of files are shown as they are: no colours, no emoji.
        self._console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def line(self, text: str) -> None:
        self._console.print(text, markup=False)

    def stage(self, stage: Stage) -> None:
        out = f", {stage.dropped:,} out" if stage.dropped else ""
        self.line(counted(stage.name, stage.kept, f"kept{out}  ({stage.seconds:.1f} s)"))

    @contextmanager
    def working(self, what: str) -> Iterator[Any]:
        if not self._console.is_terminal:
            yield self._plain(what)
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[counts]}"))
        with Progress(
            *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console, transient=True
        ) as bar:
            # Without a total the bar only shows life.
            task = bar.add_task(what, total=None, counts="")
            yield lambda done, total: bar.update(task, completed=done, total=total, counts=f"{done:,} of {total:,}")

    def _plain(self, what: str) -> Any:
        """A line a minute at most, so that a log shows life without being filled."""
        began = last = time.monotonic()

        def say(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= 60 and 0 < done < total:
                left = (now - began) / done * (total - done)
                self.line(f"{what}: {done:,} of {total:,}, about {left:.0f} s left")
                last = now

        return say


_current = Reporter()


def reporter() -> Reporter:
    """Who is told of the progress in this process."""
    return _current


def report_to(chosen: Reporter) -> None:
    """Tell `chosen` from now on. One process runs one flow at a time."""
    global _current
    _current = chosen
