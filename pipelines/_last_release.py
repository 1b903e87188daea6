"""The release before this one, as far as the new one's report compares itself with it."""

from collections.abc import Iterator
from pathlib import Path

from pipelines._compared import measured
from pipelines._manifest import read_manifest, sha256_of
from pipelines._progress import reporter
from pipelines._shown import one_line
from pipelines.gate import figures_of, report_of
from schemas.errors import AssayError, ReleaseError
from schemas.manifest import MANIFEST
from schemas.report import Previous, Report

_REPORT = "report.json"

HEADLINES = {
    "rows.ledger": "rows in the ledger",
    "rows.released": "released",
    "rows.outcomes.review": "waiting for review",
    "rows.outcomes.duplicate": "duplicates removed",
    "rows.outcomes.dropped": "dropped by a check",
    "rows.outcomes.contaminated": "test data taken out",
    "rows.outcomes.unreadable": "unreadable",
    "rows.outcomes.rejected": "turned down by people",
    "rows.outcomes.unselected": "not selected",
    "duplicates.conflicts": "conflicts: same prompt, answers disagree",
    "splits.train.tokens": "tokens to train on",
    "tokens.mean": "mean tokens of a row",
    "quality.mean": "mean quality",
    "toxicity.mean": "mean toxicity",
    "diversity.vendi": "Vendi score",
    "diversity.nearest_mean": "mean similarity to the nearest other",
}
"""Figures that are compared beside those of the checks, and what they are called."""


def last_release(out: Path, named: str | None) -> Previous | None:
    """What the report of the release `named`, or else of the one in `out`, said. Null where there is none.

    One that cannot be read, or whose report was altered, is not compared, and a line says so.
    """
    folder = Path(named) if named else out
    if not named and not (out / MANIFEST).is_file():
        return None
    try:
        return previous_of(_proven(folder), str(folder))
    except (AssayError, OSError) as error:
        reporter().line(f"{'previous':<13} not compared: {one_line(str(error), 300)}")
        return None


def _proven(folder: Path) -> Report:
    """The report that the folder's manifest tells of. Raises ReleaseError where it is another."""
    told = {entry.path: entry.sha256 for entry in read_manifest(folder).files}
    if sha256_of(folder / _REPORT) != told.get(_REPORT):
        raise ReleaseError(f"{folder / _REPORT}: was altered after the release was made")
    return report_of(folder)


def previous_of(report: Report, path: str) -> Previous:
    """What a later release compares itself with."""
    return Previous(
        path=path,
        run_id=report.run.run_id,
        started=report.run.started,
        passed=report.gate.passed if report.gate else None,
        figures=compared_figures(report),
    )


def compared_figures(report: Report) -> dict[str, float | bool | None]:
    """HEADLINES, and of each check the rows that fail it and their share; null where not measured."""
    figures = figures_of(report)
    found = {path: measured(figures, path) for path in (*HEADLINES, *_of_checks(report))}
    return {path: value for path, value in found.items() if not isinstance(value, str)}


def _of_checks(report: Report) -> Iterator[str]:
    for family, members in report.checks.families.items():
        for name in members:
            yield from (f"checks.{family}.{name}.{figure}" for figure in ("failed", "failed_share"))
