"""The gate: may a training job start on this release?

from pipelines.gate import require

require("runs/alpaca")          # raises GateFailed or ReleaseError, or returns the verdict
"""

import math
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines._manifest import verify
from schemas.errors import GateFailed, PolicyError, ReleaseError
from schemas.policy import Demand, Policy, load_policy
from schemas.report import DemandResult, Report, Verdict


def require(release: str | Path, policy: str | Path | None = None) -> Verdict:
    """Return the verdict of a release that passes; for a training script's first line.

    Raises GateFailed when it does not pass, ReleaseError when it cannot be judged (missing, stale or
    altered files), PolicyError when the policy cannot be read.
    """
    verdict = gate(Path(release), Path(policy) if policy else None)
    if not verdict.passed:
        failed = [f"{demand.figure} is {demand.measured}" for demand in verdict.demands if not _harmless(demand)]
        raise GateFailed(f"{release}: policy {verdict.policy!r} is not met: {'; '.join(failed)}")
    return verdict


def gate(release: Path, policy: Path | None = None) -> Verdict:
    """Judge a release after checking that nothing in it was touched. Raises as `require` does, but GateFailed."""
    manifest = verify(release)
    report = report_of(release)
    if report.run.run_id != manifest.run_id:
        raise ReleaseError(f"{release}: report.json is of another run than the manifest; run `assay curate` again")
    return judge(report, load_policy(policy) if policy else Policy.model_validate(manifest.policy))


def judge(report: Report, policy: Policy) -> Verdict:
    """Hold a report against a policy. Raises PolicyError for a figure the report does not have."""
    figures = figures_of(report)
    results = [_judge_one(demand, lookup(figures, demand.figure)) for demand in policy.demands]
    return Verdict(policy=policy.name, passed=all(_harmless(result) for result in results), demands=results)


def figures_of(report: Report) -> dict[str, Any]:
    """The report as nested figures: checks by family and name, exports by format."""
    figures = report.model_dump()
    figures["checks"].update(figures["checks"].pop("families"))
    figures["exports"] = {export["format"]: export for export in figures["exports"]}
    figures.pop("gate")
    return figures


def lookup(figures: dict[str, Any], path: str) -> float | bool | str | None:
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
            raise PolicyError(f"{path}: the report has no such figure; {'.'.join(walked) or 'it'} has {known}")
        here = here[step]
        walked.append(step)
    if isinstance(here, dict | list):
        raise PolicyError(f"{path}: is a group of figures, not one; name a figure inside it")
    value: float | bool | str | None = here
    return value


def _judge_one(demand: Demand, measured: float | bool | str | None) -> DemandResult:
    passed = measured is not None
    margins: list[float] = []
    if demand.equals is not None:
        # A flag is no number: True must not pass for 1.
        passed &= isinstance(measured, bool) is isinstance(demand.equals, bool) and measured == demand.equals
    if demand.min is not None or demand.max is not None:
        if isinstance(measured, bool | str | None) or not math.isfinite(measured):
            passed = False
        else:
            margins = [measured - demand.min] if demand.min is not None else []
            margins += [demand.max - measured] if demand.max is not None else []
            passed &= min(margins) >= 0
    return DemandResult(
        figure=demand.figure,
        requirement=demand.requirement,
        measured=measured,
        margin=round(min(margins), 6) if margins else None,
        passed=passed,
        severity=demand.severity,
        why=demand.why,
    )


def _harmless(result: DemandResult) -> bool:
    return result.passed or result.severity == "warn"


def report_of(release: Path) -> Report:
    """The report of a release, unjudged. Raises ReleaseError when it cannot be read."""
    path = release / "report.json"
    try:
        return Report.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ReleaseError(f"{path}: cannot be read as a report of this version; run `assay curate` again") from error
