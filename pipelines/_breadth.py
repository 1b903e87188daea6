"""Coverage as the page shows it: domains and tasks, where they meet, and what to collect more of."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from pipelines import _pictures
from schemas.report import Coverage, Covered, Report

# Columns that a screen holds; and what a person would go and collect at a time.
MOST_TASKS = 9
MOST_THIN_CLUSTERS = 6
# Shades of a cell, from none to the fullest.
_SHADES = 5


class CoveredRow(NamedTuple):
    it: Covered
    bar: Markup


class Cell(NamedTuple):
    rows: int
    css: str


class Grid(NamedTuple):
    """Rows of cells by domain; the columns are tasks."""

    tasks: list[str]
    rows: list[tuple[str, list[Cell]]]
    left: int  # released rows in tasks that have no column


class Wanted(NamedTuple):
    """Something there is little of; `missing` rows more and it would not be thin."""

    kind: str
    it: Covered
    missing: int


class Breadth(NamedTuple):
    domains: list[CoveredRow]
    tasks: list[CoveredRow]
    grid: Grid | None
    wanted: list[Wanted]
    share: str  # below which something is thin


def breadth(report: Report) -> Breadth | None:
    """Null where it was not measured, or no row is released."""
    found = report.diversity.coverage
    if found is None or not report.rows.released:
        return None
    by_rows = sorted(found.tasks, key=lambda one: -one.released)
    return Breadth(
        domains=_rows(found.domains),
        tasks=_rows(by_rows),
        grid=_grid(found, [one.name for one in by_rows]),
        wanted=_wanted(found, report.rows.released),
        share=f"{found.thin_below:.0%}",
    )


def _rows(covered: Sequence[Covered]) -> list[CoveredRow]:
    most = max((one.released for one in covered), default=0)
    return [CoveredRow(one, _pictures.bar(one.released / most if most else 0)) for one in covered]


def _grid(found: Coverage, tasks: Sequence[str]) -> Grid | None:
    if not found.domain_tasks:
        return None
    columns = list(tasks[:MOST_TASKS])
    counts = {one.name: found.domain_tasks.get(one.name, {}) for one in found.domains}
    shown = [rows for tasks_of in counts.values() for task, rows in tasks_of.items() if task in columns]
    most = max(shown, default=1)
    rows = [(name, [_cell(tasks_of.get(task, 0), most) for task in columns]) for name, tasks_of in counts.items()]
    everything = sum(sum(tasks_of.values()) for tasks_of in counts.values())
    return Grid(columns, rows, everything - sum(shown))


def _cell(rows: int, most: int) -> Cell:
    # By the root, so that what is small beside the largest still differs from nothing.
    shade = 0 if not rows else 1 + round((rows / most) ** 0.5 * (_SHADES - 1))
    return Cell(rows, f"h{shade}")


def _wanted(found: Coverage, released: int) -> list[Wanted]:
    """What is thin, domains first; of clusters the smallest."""
    wanted: list[Wanted] = []
    for kind, covered in (("domain", found.domains), ("task", found.tasks), ("topic", found.clusters)):
        enough = released / max(1, len(covered)) * found.thin_below
        thin = sorted((one for one in covered if one.thin), key=lambda one: one.released)
        most = MOST_THIN_CLUSTERS if kind == "topic" else len(thin)
        wanted += [Wanted(kind, one, max(1, round(enough - one.released))) for one in thin[:most]]
    return wanted
