"""Tasks with the same answers are one pattern: what a coefficient and its bootstrap need, at any number of tasks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Patterns(NamedTuple):
    """`counts` (patterns x labels) says how often each label stands in one task; `tasks` how many tasks are so.

    Only tasks with two answers or more: the others pair nothing.
    """

    counts: Floats
    tasks: NDArray[np.int64]

    @property
    def answers(self) -> Floats:
        """Answers in one task of each pattern."""
        return np.asarray(self.counts.sum(axis=1))


def patterns_of(frame: pl.DataFrame, labels: Sequence[str]) -> Patterns:
    """Patterns of an Answers' frame; columns in the order of `labels`, which names every label in it."""
    place = pl.DataFrame({"label": labels, "at": range(len(labels))}, schema={"label": pl.String, "at": pl.Int64})
    said = frame.join(place, on="label").group_by("task").agg(pl.col("at").sort())
    alike = said.filter(pl.col("at").list.len() > 1).group_by("at").agg(tasks=pl.len()).sort("at")
    counts = np.zeros((len(alike), len(labels)))
    rows = np.repeat(np.arange(len(alike)), alike["at"].list.len().to_numpy())
    np.add.at(counts, (rows, alike["at"].explode(empty_as_null=False).to_numpy()), 1)
    return Patterns(counts, alike["tasks"].to_numpy().astype(np.int64))


def disagreements(patterns: Patterns, drawn: Floats, ordinal: bool) -> tuple[Floats, Floats]:
    """Observed and expected disagreement, up to one common factor, of each row of `drawn` (draws x patterns).

    Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability". The ordinal difference of two labels is
    the distance of their mid-ranks, so that both sums follow from sums of ranks and of their squares.
    """
    totals = drawn @ patterns.counts
    answers = patterns.answers
    pairs = totals.sum(axis=1) - 1
    if not ordinal:
        same = (patterns.counts * (patterns.counts - 1)).sum(axis=1)
        observed = drawn @ (answers - same / (answers - 1))
        expected = totals.sum(axis=1) ** 2 - (totals**2).sum(axis=1)
        return observed, expected / pairs
    ranks = np.cumsum(totals, axis=1) - totals / 2
    first, second = ranks @ patterns.counts.T, ranks**2 @ patterns.counts.T
    observed = (drawn * (answers * second - first**2) / (answers - 1)).sum(axis=1)
    expected = totals.sum(axis=1) * (totals * ranks**2).sum(axis=1) - (totals * ranks).sum(axis=1) ** 2
    return observed, expected / pairs
