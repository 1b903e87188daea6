"""What a calibration says: the curve as a table, what is recommended and why, and the same for a machine."""

from collections.abc import Sequence
from typing import Any

from pipelines._shown import plural
from pipelines.calibration.candidates import NOUNS
from pipelines.calibration.curve import CONFIDENCE, Estimate, Point, fewest
from schemas.calibration import KEYS, Calibrated

QUESTIONS: dict[Calibrated, str] = {
    "min_similarity": "Are these two the same, so that one of them is enough?",
    "min_quality": "Would you train on this record as it is?",
}

_ABOVE: dict[Calibrated, str] = {
    "min_similarity": "at or above it one of a pair is removed; precision is the share of those that are the same",
    "min_quality": "at or above it a record is released; precision is the share of those worth training on",
}


def curve_lines(points: Sequence[Point], of: Calibrated, current: float | None, best: Point | None) -> list[str]:
    """A table, the highest threshold first; `*` marks the one in force, `>` the one recommended."""
    noun = NOUNS[of] + "s"
    head = f"  {of:>14}  {noun:>8}  {'answers':>7}  {'yes':>4}  {'precision':<22}  recall"
    lines = [head]
    for point in sorted(points, key=lambda point: -point.threshold):
        mark = (">" if best and point.threshold == best.threshold else " ") + (
            "*" if current is not None and point.threshold == round(current, 2) else " "
        )
        lines.append(
            f"{mark}{point.threshold:>14.2f}  {point.candidates:>8,}  {point.answers:>7,}  {point.yes:>4,}  "
            f"{_shown(point.precision):<22}  {_shown(point.recall)}"
        )
    named = ".".join(KEYS[of])
    return [*lines, f"{named}: {_ABOVE[of]}. Intervals hold in {CONFIDENCE:.0%} of draws; * is in force."]


def _shown(estimate: Estimate) -> str:
    if estimate.share is None:
        return "not measured"
    return f"{estimate.share:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def verdict_line(
    points: Sequence[Point], best: Point | None, *, precision: float, of: Calibrated, lowest: float
) -> str:
    """What the rule says, or what is missing for it to say something."""
    rule = f"precision at least {precision:.2f} by the lower end of its interval"
    if best is not None:
        return f"recommended {best.threshold:.2f}: the lowest threshold with {rule} ({_shown(best.precision)})"
    allowed = [point for point in points if point.threshold >= lowest - 1e-9]
    if not allowed:
        return "not enough evidence: nothing that was drawn is answered yet"
    highest = max(allowed, key=lambda point: point.precision.low)
    return (
        f"not enough evidence: no threshold has {rule}; the best is {highest.threshold:.2f} with "
        f"{_shown(highest.precision)} by {plural(highest.answers, 'answer')}. It takes {fewest(precision)} answers "
        "at or above a threshold, all of them yes; more of them with --size, or a lower --precision"
    )


def as_figures(point: Point | None) -> dict[str, Any] | None:
    """A point for a machine."""
    if point is None:
        return None
    shares = {
        name: {"share": one.share, "interval": [one.low, one.high]}
        for name, one in (("precision", point.precision), ("recall", point.recall))
    }
    return {**{name: getattr(point, name) for name in ("threshold", "candidates", "answers", "yes")}, **shares}
