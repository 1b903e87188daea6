"""A release's report, and its figures by their dotted paths."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.errors import PolicyError, ReleaseError
from schemas.report import Report

Value = float | bool | str | None


def report_of(release: Path) -> Report:
    """The report of a release, unjudged. Raises ReleaseError when it cannot be read."""
    path = release / "report.json"
    try:
        return Report.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ReleaseError(f"{path}: cannot be read as a report of this version; run `assay curate` again") from error


def figures_of(report: Report) -> dict[str, Any]:
    """The report as nested figures: checks by family and name, exports by format."""
    figures = report.model_dump()
    figures["checks"].update(figures["checks"].pop("families"))
    figures["exports"] = {export["format"]: export for export in figures["exports"]}
    figures.pop("gate")
    return figures


def lookup(figures: dict[str, Any], path: str) -> Value:
    """The figure at a dotted path; raises PolicyError when there is none, or it is not a single value."""
    here: Any = figures
    walked: list[str] = []
    for step in path.split("."):
        if not isinstance(here, dict) or step not in here:
            # Keys such as the quantile "0.5" hold a dot themselves.
            rest = path[len(".".join(walked)) :].lstrip(".")
            if isinstance(here, dict) and rest in here:
                here = here[rest]
                break
            known = ", ".join(sorted(here)[:12]) if isinstance(here, dict) else "nothing below it"
            raise PolicyError(
                f"{path}: the report has no such figure{did_you_mean(path, paths_of(figures))}; "
                f"{'.'.join(walked) or 'it'} has {known}"
            )
        here = here[step]
        walked.append(step)
    if isinstance(here, dict | list):
        raise PolicyError(f"{path}: is a group of figures, not one; name a figure inside it")
    value: Value = here
    return value


def paths_of(figures: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Every single figure's path."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from paths_of(value, f"{above}{name}.")
        elif not isinstance(value, list):
            yield f"{above}{name}"


def did_you_mean(said: str, known: Iterator[str] | list[str]) -> str:
    """
    >>> did_you_mean("rows.relased", ["rows.released", "rows.ledger"])
    ', did you mean rows.released?'
    """
    near = get_close_matches(said, list(known), n=1, cutoff=0.75)
    return f", did you mean {near[0]}?" if near else ""
