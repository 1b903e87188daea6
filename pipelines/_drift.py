"""Drift: how far the columns of one release's rows lie from another's, each by one named distance.

Numbers: the Wasserstein distance in standard deviations of the rows before. Words: the Jensen-Shannon distance, which
is the square root of the divergence to base 2 and lies in [0, 1]. Both are taken as distances, not as tests: releases
share most of their rows, and of 50,000 rows a test finds every difference significant.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from schemas.diff import Drift

# The distances from which Evidently calls a column drifted where it has more than 1,000 rows, and that number of rows:
# its documentation, "Data drift algorithm", default methods and thresholds.
THRESHOLD = 0.1
FEW = 1_000
THRESHOLD_SOURCE = "Evidently's default for this distance"
# Below it a column is a constant, and there is no scale to speak of: as Evidently has it.
_LEAST_SCALE = 0.001

NUMBERS = (
    "n_tokens", "n_words", "n_turns", "quality", "diversity", "toxicity", "ifd_loss_ratio", "ifd_perplexity_ratio",
)  # fmt: skip
WORDS = ("language", "cluster")
COLUMNS = (*NUMBERS, *WORDS)


class _Way(NamedTuple):
    statistic: str
    source: str


_WASSERSTEIN = _Way(
    "Wasserstein distance / standard deviation before", "Ramdas, García Trillos & Cuturi 2017, arXiv:1509.02237"
)
_JENSEN_SHANNON = _Way("Jensen-Shannon distance, base 2", "Lin 1991, IEEE Transactions on Information Theory 37(1)")


def drifts(before: pl.DataFrame, after: pl.DataFrame) -> list[Drift]:
    """For each of COLUMNS that both frames have, furthest first; `value` is null where a side has no value."""
    found = [
        _drift(name, before[name], after[name]) for name in COLUMNS if name in before.columns and name in after.columns
    ]
    told = [drift for drift in found if drift.counted_before or drift.counted_after]
    return sorted(told, key=lambda drift: (-(drift.value if drift.value is not None else -1.0), drift.column))


def _drift(name: str, before: pl.Series, after: pl.Series) -> Drift:
    a, b = (side.fill_null("unknown") if name == "language" else side.drop_nulls() for side in (before, after))
    way = _WASSERSTEIN if name in NUMBERS else _JENSEN_SHANNON
    value = None
    if len(a) and len(b):
        value = round(wasserstein(a, b) if name in NUMBERS else jensen_shannon(a, b), 4)
    return Drift(
        column=name,
        statistic=way.statistic,
        source=way.source,
        value=value,
        threshold=THRESHOLD,
        threshold_source=THRESHOLD_SOURCE,
        drifted=None if value is None else value >= THRESHOLD,
        counted_before=len(a),
        counted_after=len(b),
        few=min(len(a), len(b)) < FEW,
    )


def wasserstein(before: pl.Series, after: pl.Series) -> float:
    """How far values have to be moved on average, in standard deviations of `before`. Neither is empty or has nulls."""
    from scipy.stats import wasserstein_distance

    a, b = before.to_numpy().astype(np.float64), after.to_numpy().astype(np.float64)
    return float(wasserstein_distance(a, b) / max(float(a.std()), _LEAST_SCALE))


def jensen_shannon(before: pl.Series, after: pl.Series) -> float:
    """In [0, 1]: 0 for equal shares, 1 where no value is in both. Neither is empty or has nulls."""
    from scipy.spatial.distance import jensenshannon

    counts = [side.alias("value").value_counts(name=name) for name, side in (("a", before), ("b", after))]
    both = counts[0].join(counts[1], on="value", how="full", coalesce=True).fill_null(0).sort("value")
    distance = float(jensenshannon(both["a"].to_numpy(), both["b"].to_numpy(), base=2))
    # Of equal shares rounding may leave the root of a number below 0.
    return 0.0 if np.isnan(distance) else distance


def as_before(after: pl.DataFrame, clusters: pl.DataFrame) -> pl.Series:
    """The clusters of `after` by the names that they had before: they are numbered anew in each release.

    `clusters` has `before` and `after` of rows that are in both (null where such a row has none). A row that had a
    cluster keeps it; a new one has that from which most of its neighbours came, and one whose neighbours are all new
    has `new N`.
    """
    known = clusters.drop_nulls().group_by("before", "after").len().sort("len", "before", descending=[True, False])
    most = known.unique("after", keep="first", maintain_order=True).select("after", mostly="before")
    named = after.select("was", after="cluster").join(most, on="after", how="left", maintain_order="left")
    new = pl.when(pl.col("after").is_not_null()).then(pl.format("new {}", "after"))
    return named.select(pl.coalesce(pl.col("was", "mostly").cast(pl.String), new).alias("cluster")).to_series()
