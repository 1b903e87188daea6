"""Precision and recall along the threshold, from a stratified sample of answers, with intervals.

Each answer stands for as many candidates as its stratum has for each of its answers (Horvitz and Thompson 1952);
shares are ratios of such sums. What people had decided before the draw stands for itself. A stratum in which nobody
answered is counted with the nearest one that has answers. Intervals are Clopper and Pearson's (1934) with the
effective number of answers in place of their number (Korn and Graubard 1998, as R's survey::svyciprop "beta" has it):
the smaller of Kish's, (sum w)^2 / sum w^2, and the one at which a simple sample would vary as this one does. No
correction is made for a finite population: the threshold is for data to come, of which the release is a sample.
"""

from collections.abc import Mapping
from math import ceil, log
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import betaincinv

CONFIDENCE = 0.95

PRECISION = 0.85
"""What a threshold must reach, by the lower end of its interval: nothing is removed without a person below it
(docs/decisions/0003)."""


class Estimate(NamedTuple):
    """A share and its interval. Where nothing is known the share is null and the interval all of [0, 1]."""

    share: float | None
    low: float
    high: float


class Point(NamedTuple):
    """What would be so with this threshold. Counts are of what lies at or above it."""

    threshold: float
    candidates: int
    answers: int
    yes: int
    precision: Estimate  # share of yes
    recall: Estimate  # share of all yes among the candidates that lies at or above it


class _Sample(NamedTuple):
    scores: NDArray[np.float64]
    good: NDArray[np.bool_]
    weights: NDArray[np.float64]


def curve(
    strata: pl.DataFrame, answers: Mapping[str, bool], known: Mapping[str, bool], current: float | None = None
) -> list[Point]:
    """A point at the lower edge of each stratum and at the threshold in force, ascending.

    None where nothing that was drawn is answered. `strata` has id, score and edge of all candidates; `answers` are
    those to what was drawn, `known` what had been decided before. An id in both counts as known.
    """
    sample = _weighted(strata, answers, known)
    if sample is None:
        return []
    edges = sorted({*strata["edge"], *([] if current is None else [round(current, 2)])})
    scores = strata["score"].to_numpy()
    return [_point(edge, int((_floored(scores) >= edge - 1e-9).sum()), sample) for edge in edges]


def recommended(points: list[Point], *, precision: float, lowest: float) -> Point | None:
    """The lowest threshold whose precision is at least so high by the lower end of its interval; null without one."""
    passing = (point for point in points if point.threshold >= lowest - 1e-9 and point.precision.low >= precision)
    return min(passing, key=lambda point: point.threshold, default=None)


def fewest(precision: float) -> int:
    """So many answers are needed to show this precision, if every one of them is yes.

    >>> fewest(0.85), fewest(0.9)
    (23, 36)
    """
    return ceil(log((1 - CONFIDENCE) / 2) / log(precision)) if 0 < precision < 1 else 1


def _floored(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores as thresholds see them: a step of 0.01 holds what rounds down to it."""
    floored: NDArray[np.float64] = np.floor(scores * 100 + 1e-6) / 100
    return floored


def _weighted(strata: pl.DataFrame, answers: Mapping[str, bool], known: Mapping[str, bool]) -> _Sample | None:
    told = pl.DataFrame(
        [(name, good, name in known) for name, good in {**answers, **known}.items()],
        schema={"id": pl.String, "good": pl.Boolean, "known": pl.Boolean},
        orient="row",
    )
    rows = strata.join(told, on="id", how="left", maintain_order="left").with_columns(pl.col("known").fill_null(False))
    rest = rows.filter(~pl.col("known"))
    counts = rest.group_by("edge").agg(size=pl.len(), asked=pl.col("good").count()).sort("edge")
    shares = _shares(counts)
    if shares is None and rest.height:
        return None
    judged = rows.filter(pl.col("good").is_not_null())
    weights = judged.select(
        pl.when("known").then(1.0).otherwise(pl.col("edge").replace_strict(shares or {}, default=1.0))
    )
    return _Sample(
        _floored(judged["score"].to_numpy()), judged["good"].to_numpy(), weights.to_series().cast(pl.Float64).to_numpy()
    )


def _shares(counts: pl.DataFrame) -> dict[float, float] | None:
    """Edge -> for how many candidates each answer of its stratum stands; null where there is no answer at all."""
    asked = counts.filter(pl.col("asked") > 0)
    if asked.is_empty():
        return None
    stands = dict.fromkeys(asked["edge"], 0)
    for edge, size in counts.select("edge", "size").iter_rows():
        stands[min(stands, key=lambda other: (abs(other - edge), other))] += size
    return {edge: stands[edge] / answered for edge, answered in asked.select("edge", "asked").iter_rows()}


def _point(threshold: float, candidates: int, sample: _Sample) -> Point:
    above = sample.scores >= threshold - 1e-9
    good = sample.good
    return Point(
        round(threshold, 2),
        candidates,
        int(above.sum()),
        int((above & good).sum()),
        _estimate(good[above], sample.weights[above]),
        _estimate(above[good], sample.weights[good]),
    )


def _estimate(hits: NDArray[np.bool_], weights: NDArray[np.float64]) -> Estimate:
    """The weighted share of hits, and its interval."""
    if not len(hits):
        return Estimate(None, 0.0, 1.0)
    total = weights.sum()
    share = float(weights[hits].sum() / total)
    effective = float(total**2 / (weights**2).sum())
    spread = float(((weights * (hits - share)) ** 2).sum()) / total**2
    if spread > 0:
        effective = min(effective, share * (1 - share) / spread)
    successes, tail = share * effective, (1 - CONFIDENCE) / 2
    # At an end of [0, 1] the distribution has no width, and scipy no number.
    low = float(betaincinv(successes, effective - successes + 1, tail)) if share > 0 else 0.0
    high = float(betaincinv(successes + 1, effective - successes, 1 - tail)) if share < 1 else 1.0
    return Estimate(share, min(low, share), max(high, share))
