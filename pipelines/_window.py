"""Lengths beside the context window that they have to fit, as the page shows them."""

from typing import NamedTuple

from pipelines import _pictures, _shown
from pipelines._pictures import Bar
from schemas.report import Report


class Window(NamedTuple):
    """Lengths beside the context window that they have to fit."""

    tokens: int
    whose: str
    picture: str
    longest: float
    share: float  # of the window that the longest fills
    cut_off: int  # released rows that are longer


def window(report: Report) -> Window | None:
    """Of the target's own tokens where a target is named, else of ours. Null where no length is known."""
    target = report.training
    lengths = target.released.lengths if target else report.tokens
    size = target.max_length if target else report.run.settings.get("validation", {}).get("max_tokens")
    if lengths.histogram is None or not isinstance(size, int) or not lengths.counted:
        return None
    longest = lengths.histogram.edges[-1]
    told = [
        ("half of the rows: at most", lengths.quantiles.get("0.5")),
        ("19 in 20: at most", lengths.quantiles.get("0.95")),
    ]
    bars = [Bar(name, value, _shown.count(value)) for name, value in [*told, ("the longest", longest)] if value]
    bars.append(Bar("the context window", size, _shown.count(size), "c-other"))
    return Window(
        tokens=size,
        whose=f"of {_shown.one_line(target.target, 60)}" if target else "of this run (validation.max_tokens)",
        picture=_pictures.bars(bars, "Lengths in tokens beside the context window"),
        longest=longest,
        share=longest / size,
        cut_off=target.released.truncated if target else _too_long(report),
    )


def _too_long(report: Report) -> int:
    check = report.checks.families.get("length", {}).get("over_max_tokens")
    return check.released if check else 0
