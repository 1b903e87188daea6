"""Means over runs, differences to another arm, and their intervals

A set's figure is the loss of all its scored tokens over their number, in nats: the mean over seeds. Intervals of
differences are percentile bootstraps that draw both again, the seeds of each arm and the items of the set (the same
items for both arms), so that they hold for other seeds and other items of the kind.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2_000
_OUTER = (2.5, 97.5)


class Runs(NamedTuple):
    """Of one arm on one set: sums of losses (seeds, items), and the items' scored tokens."""

    sums: NDArray[np.float64]
    tokens: NDArray[np.int64]

    def mean(self) -> float:
        """Nats a token.

        >>> Runs(np.array([[1.0, 3.0], [3.0, 5.0]]), np.array([1, 1])).mean()
        3.0
        """
        return float(self.sums.mean(0).sum() / self.tokens.sum())


class Interval(NamedTuple):
    """A figure with the bounds between which 95 % of the redrawn ones lie."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def difference(runs: Runs, others: Runs) -> Interval:
    """How much higher the loss of `runs` is than that of `others`."""
    redrawn = [first - second for first, second in _redrawn(runs, others)]
    low, high = np.percentile(redrawn, _OUTER)
    return Interval(runs.mean() - others.mean(), float(low), float(high))


def recovered(clean: Runs, dirty: Runs, curated: Runs) -> Interval:
    """Which share of the damage (dirty against clean) is undone by curating: 1 is all of it.

    Where a redraw has no damage its share has no meaning; it is left out, and where most have none all three are NaN.
    """
    shares = [
        (bad - good_again) / (bad - good) for good, bad, good_again in _redrawn(clean, dirty, curated) if bad > good
    ]
    if len(shares) < _DRAWS / 2:
        return Interval(np.nan, np.nan, np.nan)
    low, high = np.percentile(shares, _OUTER)
    damage = dirty.mean() - clean.mean()
    return Interval((dirty.mean() - curated.mean()) / damage, float(low), float(high))


def _redrawn(*arms: Runs) -> Sequence[list[float]]:
    """The arms' means, many times, each over other seeds and over the same other items."""
    draw = np.random.default_rng(0)
    tokens = arms[0].tokens
    made = []
    for _ in range(_DRAWS):
        items = draw.integers(len(tokens), size=len(tokens))
        whole = tokens[items].sum()
        seeds = (draw.integers(len(arm.sums), size=len(arm.sums)) for arm in arms)
        made.append([float(arm.sums[mine].mean(0)[items].sum() / whole) for arm, mine in zip(arms, seeds, strict=True)])
    return made
