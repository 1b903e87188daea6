"""What changed since the release before this one, as the page shows it."""

from typing import NamedTuple

from pipelines import _shown
from pipelines._last_release import HEADLINES, compared_figures
from schemas.report import CheckFigures, Report

# A change that its own per cent would show as none. Of rows it is less than one below two thousand.
_NO_CHANGE = 0.0005


class Change(NamedTuple):
    """`css` is a class: more, fewer or same for a count; worse, better or same for a check's share."""

    shown: str
    css: str


class Moved(NamedTuple):
    name: str
    before: str
    now: str
    change: Change


def headlines(report: Report) -> list[Moved]:
    """The figures of both releases side by side; empty where there is no release before this one."""
    if report.previous is None:
        return []
    was, now = report.previous.figures, compared_figures(report)
    both = [(name, was.get(path), now.get(path)) for path, name in HEADLINES.items()]
    return [
        Moved(name, _shown.figure(before), _shown.figure(after), _change(before, after))
        for name, before, after in both
        if before or after
    ]


def _change(before: float | None, after: float | None) -> Change:
    if before is None or after is None:
        return Change("not in both", "same")
    step = after - before
    if abs(step) <= abs(before) * _NO_CHANGE:
        return Change("as before", "same")
    part = f" ({step / before:+.1%})".replace("-", "−") if before else ""
    sign = "+" if step > 0 else ""
    return Change(f"{sign}{_shown.figure(_short(step))}{part}", "more" if step > 0 else "fewer")


def _short(step: float) -> float:
    """Whole from a hundred up, three digits below: a change is no more exact than that."""
    return round(step) if abs(step) >= 100 else float(f"{step:.3g}")


def of_check(report: Report, reason: str, figures: CheckFigures) -> Change | None:
    """What a check found before, by the share of rows, since releases differ in size; null without an earlier one."""
    if report.previous is None:
        return None
    was = report.previous.figures
    path = f"checks.{reason}"
    before, share = was.get(f"{path}.failed"), was.get(f"{path}.failed_share")
    if before is None:
        return Change("a new check", "same")
    turn = _turn(share, figures.failed_share)
    if turn == "same":
        return Change("as before", turn)
    return Change(f"{_shown.share(share)} before ({_shown.count(before)})" if share else "none before", turn)


def _turn(before: float | None, after: float | None) -> str:
    a, b = before or 0.0, after or 0.0
    return "same" if abs(a - b) < 1e-9 else "worse" if b > a else "better"
