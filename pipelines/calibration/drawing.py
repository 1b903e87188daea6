"""Which candidates are asked about: stratified by score, so that few answers say something along the whole threshold.

The order is fixed by the candidates and the seed, and each beginning of it is a sample by itself: whoever stops
early, or wants more, has drawn as well as one who asked for so many at once.
"""

from math import ceil

import numpy as np
import polars as pl

STRATA = 10
"""About so many: with 50 answers each stratum has a handful, and a threshold at each lower edge."""

# Thresholds are told in steps of this.
STEP = 0.01
# Strata this close to the threshold in force are drawn from twice as often as their size: there it is decided.
NEAR, OFTENER = 0.03, 2.0


def strata_of(frame: pl.DataFrame, *, lowest: float, current: float | None) -> pl.DataFrame:
    """`frame` with `edge`, the lowest score of each candidate's stratum; edges are steps of 0.01.

    Neighbouring steps are put together until a stratum has a tenth of the candidates. The threshold in force is an
    edge, so that the figures at it can be told.
    """
    steps = np.floor(frame["score"].to_numpy() / STEP + 1e-6).astype(np.int64)
    now = None if current is None else round(current / STEP)
    enough = max(1, ceil(frame.height / STRATA))
    edges: list[int] = []
    held = 0
    values, counts = np.unique(steps, return_counts=True)
    for step, count in zip(values[::-1].tolist(), counts[::-1].tolist(), strict=True):
        if held and now is not None and step < now and (not edges or edges[-1] > now):
            edges.append(now)
            held = 0
        held += count
        if held >= enough:
            edges.append(step)
            held = 0
    bottom = min(round(lowest / STEP), int(values[0]))
    edges = sorted({*edges, bottom})
    # Too few at the bottom join the stratum above them.
    if len(edges) > 1 and edges[1] != now and (steps < edges[1]).sum() < enough / 2:
        edges.pop(1)
    place = np.searchsorted(edges, steps, side="right") - 1
    return frame.with_columns(edge=pl.Series(np.round(np.array(edges)[place] * STEP, 2), dtype=pl.Float64))


def drawn(strata: pl.DataFrame, *, current: float | None, seed: int) -> pl.DataFrame:
    """All candidates in the order in which they are asked about.

    Strata take turns by their size (Sainte-Laguë's divisors, under which more seats never cost one), those near the
    threshold in force by twice their size; within a stratum the order is random.
    """
    shuffled = strata.sort("id").sample(fraction=1.0, shuffle=True, seed=seed)
    near = pl.lit(1.0) if current is None else pl.when(_is_near(current)).then(OFTENER).otherwise(1.0)
    turn = pl.int_range(pl.len()).over("edge")
    weight = pl.len().over("edge") * near
    ranked = shuffled.with_columns(turn=(2 * turn + 1) / weight)
    return ranked.sort("turn", "edge", "id", descending=[False, True, False]).drop("turn")


def _is_near(current: float) -> pl.Expr:
    return (pl.col("edge") - current).abs() <= NEAR + 1e-9
