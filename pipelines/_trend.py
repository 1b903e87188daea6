"""What changed since the release before this one, as the page shows it."""

from typing import NamedTuple

from pipelines import _shown
from pipelines._last_release import HEADLINES, compared_figures
from schemas.report import CheckFigures, Report


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
    # Two equal figures may differ by how they were rounded.
    if abs(step) <= 1e-9:
        return Change("as before", "same")
    part = f" ({step / before:+.1%})".replace("-", "−") if before else ""
    sign = "+" if step > 0 else ""
    return Change(f"{sign}{_shown.figure(step)}{part}", "more" if step > 0 else "fewer")


def of_check(report: Report, reason: str, figures: CheckFigures) -> Change | None:
    """How many more or fewer rows fail a check than before; null where there is no release before this one.

    Whether that is better is told by the share of rows, since releases differ in size.
    """
    if report.previous is None:
        return None
    was = report.previous.figures
    path = f"checks.{reason}"
    before, share = was.get(f"{path}.failed"), was.get(f"{path}.failed_share")
    if before is None:
        return Change("a new check", "same")
    step = figures.failed - int(before)
    said = f"{abs(step):,} {'more' if step > 0 else 'fewer'}" if step else "as many"
    return Change(f"{said} (was {_shown.count(before)}{_percent(share)})", _turn(share, figures.failed_share))


def _percent(share: float | None) -> str:
    return "" if share is None else f", {_shown.share(share)}"


def _turn(before: float | None, after: float | None) -> str:
    a, b = before or 0.0, after or 0.0
    return "same" if abs(a - b) < 1e-9 else "worse" if b > a else "better"
