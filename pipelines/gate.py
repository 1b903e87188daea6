"""The gate: may a training job start on this release?

from pipelines.gate import require

require("runs/alpaca")                      # raises GateFailed or ReleaseError, or returns the verdict
require("runs/alpaca", policy="strict")     # a ready policy by its name, or a file's path
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines._figures import Value, figures_of, lookup, report_of
from pipelines._manifest import verify
from schemas.errors import GateFailed, PolicyError, ReleaseError
from schemas.policy import Demand, Policy, amount, load_policy
from schemas.report import DemandResult, Report, Verdict

if TYPE_CHECKING:
    from pipelines._baseline import Bound

__all__ = ["figures_of", "gate", "judge", "lookup", "policy_of", "report_of", "require"]


def require(
    release: str | Path,
    policy: str | Path | None = None,
    *,
    verdict: str | Path | None = None,
    public_key: str | Path | None = None,
) -> Verdict:
    """Return the verdict of a release that passes; for a training script's first line.

    `policy` is a file or the name of a ready one; null is the release's own. With `verdict`, a file that
    `assay gate --output` wrote, that file must be of this release, policy and code too, and with `public_key`
    (minisign's, a file or its line) signed with its key.

    Raises GateFailed when it does not pass, ReleaseError when it cannot be judged (missing, stale or
    altered files), PolicyError when the policy cannot be read, VerdictError when the verdict proves nothing.
    """
    said = Path(policy) if policy else None
    if verdict is not None or public_key is not None:
        from pipelines._binding import confirmed

        judged: Verdict = confirmed(Path(release), said, verdict, public_key)
    else:
        judged = gate(Path(release), said)
    if not judged.passed:
        failed = [f"{demand.name} is {demand.measured}" for demand in judged.demands if not _harmless(demand)]
        raise GateFailed(f"{release}: policy {judged.policy!r} is not met: {'; '.join(failed)}")
    return judged


def gate(release: Path, policy: Path | None = None) -> Verdict:
    """Judge a release after checking that nothing in it was touched. Raises as `require` does, but GateFailed."""
    manifest = verify(release)
    report = report_of(release)
    if report.run.run_id != manifest.run_id:
        raise ReleaseError(f"{release}: report.json is of another run than the manifest; run `assay curate` again")
    return judge(report, policy_of(manifest.policy, policy), release)


def policy_of(own: dict[str, Any], said: Path | None) -> Policy:
    """The policy to judge by: what is said, else the release's own. Raises PolicyError."""
    return load_policy(said) if said else Policy.model_validate(own)


def judge(report: Report, policy: Policy, release: Path | None = None) -> Verdict:
    """Hold a report against a policy.

    Demands on some rows need `release`, the folder with its ledger and records. Raises PolicyError for a figure that
    the report does not have or rows that there are not, ReleaseError for a compared release that is not as it was made.
    """
    figures = figures_of(report)
    results = [result for demand in policy.demands for result in _judged(demand, figures, release)]
    return Verdict(policy=policy.name, passed=all(_harmless(result) for result in results), demands=results)


def _judged(demand: Demand, figures: dict[str, Any], release: Path | None) -> list[DemandResult]:
    """A result for each group that the demand is about, or the one for all rows."""
    now = _measured(demand, figures, release)
    if demand.no_worse_than is None:
        return [_judge_one(demand, group, value, None) for group, value in now.items()]
    from pipelines._baseline import before, bound, compared

    other = compared(demand)
    was = before(demand, other)
    # A group that was there and is not is a loss, not a reason to ask no more.
    groups = dict.fromkeys([*now, *was])
    return [
        _judge_one(demand, group, now.get(group), bound(demand, was.get(group), other.path.name)) for group in groups
    ]


def _measured(demand: Demand, figures: dict[str, Any], release: Path | None) -> dict[str, Value]:
    """By group; "" stands for all rows."""
    # Of some rows too, a figure is one that the report has: a reason misspelt is not one that no row has.
    value = lookup(figures, demand.figure)
    if demand.where is None and demand.each is None:
        return {"": value}
    if release is None:
        raise PolicyError(f"{demand.figure}: of some rows it is worked out in the release's folder, which is not here")
    from pipelines._groups import Wanted, measured

    return {**measured(release, Wanted(demand.figure, demand.where, demand.each), figures)}


def _judge_one(demand: Demand, group: str, measured: Value, other: "Bound | None") -> DemandResult:
    passed = measured is not None
    distances: list[tuple[float, float]] = []
    if demand.equals is not None:
        # A flag is no number: True must not pass for 1.
        passed &= isinstance(measured, bool) is isinstance(demand.equals, bool) and measured == demand.equals
    if demand.min is not None or demand.max is not None or other is not None:
        if isinstance(measured, bool | str | None) or not math.isfinite(measured):
            passed = False
        else:
            distances = _distances(demand, measured, other)
            passed &= min((distance for distance, _ in distances), default=-1) >= 0
            # What the other release did not measure bounds nothing, and so is not met.
            passed &= other is None or (other.least, other.most) != (None, None)
    margins = [distance for distance, _ in distances]
    return DemandResult(
        figure=demand.figure,
        group=group or None,
        requirement=" and ".join([*demand.bounds, *([other.words] if other else [])]),
        measured=measured,
        margin=round(min(margins), 6) if margins else None,
        passed=passed,
        close=passed and demand.margin is not None and _is_close(distances, demand.margin),
        severity=demand.severity,
        why=demand.why,
    )


def _distances(demand: Demand, measured: float, other: "Bound | None") -> list[tuple[float, float]]:
    """How far inside each bound the figure lies, and the bound."""
    lows = [demand.min, other.least if other else None]
    highs = [demand.max, other.most if other else None]
    inside = [(measured - low, low) for low in lows if low is not None]
    inside += [(high - measured, high) for high in highs if high is not None]
    # 0.7 less 0.1 is not 0.6 in binary; beyond twelve digits nobody demands anything.
    return [(round(distance, 12), bound) for distance, bound in inside]


def _is_close(distances: list[tuple[float, float]], margin: float | str) -> bool:
    return any(distance < amount(margin, bound) for distance, bound in distances)


def _harmless(result: DemandResult) -> bool:
    return result.passed or result.severity == "warn"
