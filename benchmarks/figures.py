"""The arithmetic of the benchmarks: medians, ratios, what is required, and growth exponents"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any, Literal, NamedTuple

GIB = 2**30


class Measured(NamedTuple):
    """One run of one side. Seconds; `cpu` is user + system of all its processes, `peak` bytes held by them together.

    `facts` is what the run itself said: counts, files, recall.
    """

    wall: float
    cpu: float
    peak: int
    facts: dict[str, Any]


Figure = Literal["wall", "cpu", "peak"]


class Needed(NamedTuple):
    """What is required of a line: a bound, and the unit in which ratio and bound are shown."""

    bound: Literal["at least", "at most"]
    value: float
    unit: Literal["x", "%", "s", "GB", ""] = "x"

    def __str__(self) -> str:
        return f"{self.bound} {shown(self.value, self.unit)}"


def met(value: float, needed: Needed) -> bool:
    """Whether a value keeps its bound; a value that is not a number keeps none.

    >>> met(4.02, Needed("at least", 4)), met(1.6, Needed("at most", 1.5)), met(float("nan"), Needed("at most", 1))
    (True, False, False)
    """
    return value >= needed.value if needed.bound == "at least" else value <= needed.value


def figure_of(runs: Sequence[Measured], figure: Figure) -> float:
    """The median over the rounds, which one disturbed round does not move."""
    return float(median(getattr(run, figure) for run in runs))


def ratio(ours: float, peer: float, needed: Needed) -> float:
    """How many times as fast ours is where the bound is `at least`; what share of the peer's it takes elsewhere.

    In the unit of `needed`: a share is 5.0 where that is per cent.

    >>> ratio(2.0, 8.0, Needed("at least", 3)), ratio(3.0, 60.0, Needed("at most", 5, "%"))
    (4.0, 5.0)
    """
    if ours <= 0 or peer <= 0:
        return math.nan
    if needed.bound == "at least":
        return peer / ours
    return ours / peer * (100 if needed.unit == "%" else 1)


def shown(value: float, unit: str) -> str:
    """A figure as the table has it.

    >>> shown(4.049, "x"), shown(4.96, "%"), shown(0.034, "s"), shown(93.4, "s"), shown(math.nan, "x")
    ('4.05x', '5.0 %', '0.034 s', '93.4 s', '-')
    """
    if math.isnan(value):
        return "-"
    match unit:
        case "":
            return f"{value:g}"
        case "x":
            return f"{value:.2f}x" if value % 1 else f"{value:.0f}x"
        case "%":
            return f"{value:.1f} %" if value % 1 else f"{value:.0f} %"
        case "GB":
            return f"{value:.2f} GB"
        case _:
            return f"{value:.3f} s" if value < 1 else f"{value:.1f} s"


def exponent(sizes: Sequence[float], figures: Sequence[float]) -> float:
    """The slope of figures over sizes, both as logarithms: 1 grows as the rows do, 2 as their square.

    NaN for fewer than two different sizes, or figures that are not positive.

    >>> round(exponent([10, 100, 1000], [2, 20, 200]), 3), round(exponent([10, 20], [5, 20]), 3)
    (1.0, 2.0)
    """
    points = [(math.log(size), math.log(value)) for size, value in zip(sizes, figures, strict=True) if value > 0]
    if len({x for x, _ in points}) < 2:
        return math.nan
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    rise = sum((x - mean_x) * (y - mean_y) for x, y in points)
    spread: float = sum((x - mean_x) ** 2 for x, _ in points)
    return float(rise / spread)
