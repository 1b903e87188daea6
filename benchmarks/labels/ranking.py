"""Whether the quality score prefers what people preferred, beside "longer wins" """

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.fit_quality import FITTED_ON, HELD_OUT, Pair, sides
from benchmarks.labels.figures import Line, least, wins

# Pairs of answers whose lengths differ by less than this share of the longer.
_NEAR_EQUAL = 0.1
_EQUAL_LENGTH = 0.60


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    return [line for name, read in (FITTED_ON | HELD_OUT).items() for line in _pairs(name, list(read(data)))]


def _pairs(name: str, pairs: Sequence[Pair]) -> Iterator[Line]:
    better, worse = sides(pairs)
    longer, shorter = (np.array([len(getattr(pair, side)) for pair in pairs]) for side in ("better", "worse"))
    near = np.abs(longer - shorter) <= _NEAR_EQUAL * np.maximum(longer, shorter)
    long = wins(longer, shorter)
    yield Line(
        "quality score",
        f"{name}, {len(pairs):,} pairs",
        "prefers the better",
        wins(better, worse),
        f"longer {long:.3f}",
        least(round(long, 3)),
    )
    equal = _wins_among(better, worse, near)
    yield Line(
        "quality score, near-equal length",
        f"{name}, {int(near.sum()):,} pairs",
        "prefers the better",
        equal,
        f"longer {_wins_among(longer, shorter, near):.3f}",
        least(_EQUAL_LENGTH),
    )


def _wins_among(better: NDArray[np.float64], worse: NDArray[np.float64], some: NDArray[np.bool_]) -> float:
    return wins(better[some], worse[some]) if some.any() else float("nan")
