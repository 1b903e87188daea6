"""How far people agree beyond chance: Krippendorff's alpha with its interval, Cohen's and Fleiss' kappa.

All take answers as a long frame: worker, task, label. Of one person's several answers for one task the last
counts. Where a coefficient is not defined it is null and `why` says the reason; nothing is made up.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from annotation.judging._patterns import Floats, Patterns, disagreements, patterns_of
from annotation.judging._votes import MAX_LABELS, Answers, one_each
from schemas.errors import UsageError

# Percentile bootstrap over tasks at 95 % (Zapf et al. 2016, BMC Medical Research Methodology 16:93, who found
# it right for alpha where the asymptotic interval is not).
TAIL = 2.5
DRAWS = 2000
# With so many different patterns of answers fewer draws, so that the interval still takes seconds.
FEWEST_DRAWS = 200
CELLS_DRAWN = 50_000_000
CELLS_AT_ONCE = 4_000_000
# Everyone with everyone: 190 pairs. Beyond that a table of pairs tells nobody anything.
MAX_PAIRED = 20


class Alpha(NamedTuple):
    """`value` is at most 1; 0 is chance. Null where undefined, and `why` says the reason."""

    value: float | None
    low: float | None  # of the 95 % interval
    high: float | None
    tasks: int  # with two answers or more: all that it rests on
    draws: int  # of the bootstrap, less those in which it was not defined
    why: str | None


class Kappa(NamedTuple):
    """`value` is at most 1; 0 is chance. Null where undefined, and `why` says the reason."""

    value: float | None
    tasks: int
    why: str | None


def alpha(
    answers: pl.DataFrame | Answers,
    *,
    level: Literal["nominal", "ordinal"] = "nominal",
    order: Sequence[str] | None = None,
    seed: int,
) -> Alpha:
    """Krippendorff's alpha, and a bootstrap interval over tasks.

    Ordinal is for ratings: labels rank in `order`, or as numbers where none is given. Equals the krippendorff
    package, whose tables grow with tasks x labels x labels and are built anew for each draw.
    Raises UsageError where labels cannot be ranked.

    >>> said = [("a", "1", "yes"), ("b", "1", "yes"), ("a", "2", "no"), ("b", "2", "yes"), ("c", "2", "no")]
    >>> round(alpha(pl.DataFrame(said, schema=["worker", "task", "label"], orient="row"), seed=1).value, 3)
    0.333
    """
    frame = one_each(answers).frame
    labels = _ranked(frame, order) if level == "ordinal" else frame["label"].unique().sort().to_list()
    if len(labels) > MAX_LABELS:
        return Alpha(None, None, None, 0, 0, f"{len(labels)} different labels are free text, not categories")
    patterns = patterns_of(frame, labels)
    tasks = int(patterns.tasks.sum())
    if not tasks:
        return Alpha(None, None, None, 0, 0, "no task has answers of two people")
    value = float(_alphas(patterns, patterns.tasks[None].astype(np.float64), level == "ordinal")[0])
    if np.isnan(value):
        return Alpha(None, None, None, tasks, 0, "only one label occurs where people overlap")
    return _with_interval(value, tasks, patterns, level == "ordinal", seed)


def cohen(answers: pl.DataFrame | Answers) -> Kappa:
    """Cohen's kappa of exactly two people, over the tasks that both answered."""
    frame = one_each(answers).frame
    workers = frame["worker"].unique().sort().to_list()
    if len(workers) != 2:
        return Kappa(None, 0, f"Cohen's kappa is of two annotators; there are {len(workers)}")
    return _cohen(frame, *workers)


def cohen_pairs(answers: pl.DataFrame | Answers) -> pl.DataFrame:
    """Cohen's kappa of each two people: one, other, tasks (shared), kappa (null where undefined), why.

    Sorted by one and other; empty for more than MAX_PAIRED people.
    """
    frame = one_each(answers).frame
    workers = frame["worker"].unique().sort().to_list()
    pairs = list(combinations(workers, 2)) if len(workers) <= MAX_PAIRED else []
    rows = [(*pair, kappa.tasks, kappa.value, kappa.why) for pair in pairs for kappa in [_cohen(frame, *pair)]]
    schema = {"one": pl.String, "other": pl.String, "tasks": pl.Int64, "kappa": pl.Float64, "why": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def fleiss(answers: pl.DataFrame | Answers) -> Kappa:
    """Fleiss' kappa (1971, Psychological Bulletin 76): every task has the same number of answers, two or more."""
    frame = one_each(answers).frame
    labels = frame["label"].unique().sort().to_list()
    sizes = frame.group_by("task").len()["len"]
    if frame.is_empty() or sizes.min() != sizes.max():
        told = f"{sizes.min()!r} to {sizes.max()!r} answers" if len(frame) else "no answers"
        return Kappa(None, len(sizes), f"Fleiss' kappa needs equally many answers for each task; here {told}")
    if sizes.max() == 1:
        return Kappa(None, len(sizes), "no task has answers of two people")
    if len(labels) > MAX_LABELS:
        return Kappa(None, len(sizes), f"{len(labels)} different labels are free text, not categories")
    value = _fleiss(patterns_of(frame, labels))
    return Kappa(value, len(sizes), "only one label occurs" if value is None else None)


def _ranked(frame: pl.DataFrame, order: Sequence[str] | None) -> list[str]:
    said = frame["label"].unique()
    if order is not None:
        unknown = sorted(set(said) - set(order))
        if unknown:
            raise UsageError(f"label {unknown[0]!r} is not in the order {', '.join(order)}; add it there")
        return list(order)
    ranks = said.to_frame().with_columns(at=pl.col("label").cast(pl.Float64, strict=False))
    odd = ranks.filter(pl.col("at").is_null() | pl.col("at").is_nan())["label"].sort()
    if len(odd):
        raise UsageError(f"label {odd[0]!r} is not a number, so ratings cannot be ranked; give their order")
    return ranks.sort("at", "label")["label"].to_list()


def _alphas(patterns: Patterns, drawn: Floats, ordinal: bool) -> Floats:
    """Alpha of each row of `drawn`; NaN where only one label is left."""
    observed, expected = disagreements(patterns, drawn, ordinal)
    defined = expected > 0
    return np.where(defined, 1 - observed / np.where(defined, expected, 1), np.nan)


def _with_interval(value: float, tasks: int, patterns: Patterns, ordinal: bool, seed: int) -> Alpha:
    """Drawing tasks is drawing patterns, each as likely as it has tasks."""
    if tasks < 2:
        return Alpha(value, None, None, tasks, 0, "one task gives no interval")
    draws = max(FEWEST_DRAWS, min(DRAWS, CELLS_DRAWN // len(patterns.tasks)))
    at_once = max(1, CELLS_AT_ONCE // len(patterns.tasks))
    rng = np.random.default_rng(seed)
    likely = patterns.tasks / tasks
    parts = [
        _alphas(patterns, rng.multinomial(tasks, likely, size=min(at_once, draws - done)).astype(np.float64), ordinal)
        for done in range(0, draws, at_once)
    ]
    drawn = np.concatenate(parts)
    drawn = drawn[~np.isnan(drawn)]
    if len(drawn) < draws / 2:
        return Alpha(value, None, None, tasks, len(drawn), "too few draws hold two labels for an interval")
    low, high = np.percentile(drawn, [TAIL, 100 - TAIL])
    return Alpha(value, float(low), float(high), tasks, len(drawn), None)


def _cohen(frame: pl.DataFrame, one: str, other: str) -> Kappa:
    from sklearn.metrics import cohen_kappa_score

    hers, his = (frame.filter(pl.col("worker") == name).select("task", "label") for name in (one, other))
    both = hers.join(his, on="task", suffix="_other")
    if both.is_empty():
        return Kappa(None, 0, "the two share no task")
    labels = pl.concat([both["label"], both["label_other"]]).unique().sort()
    if len(labels) < 2:
        return Kappa(None, len(both), "only one label occurs in the tasks they share")
    if len(labels) > MAX_LABELS:
        return Kappa(None, len(both), f"{len(labels)} different labels are free text, not categories")
    codes = both.select(pl.col("label", "label_other").cast(pl.Enum(labels)).to_physical())
    value = cohen_kappa_score(codes["label"].to_numpy(), codes["label_other"].to_numpy())
    return Kappa(float(value), len(both), None)


def _fleiss(patterns: Patterns) -> float | None:
    raters = patterns.answers[0]
    weights = patterns.tasks / patterns.tasks.sum()
    agreed = ((patterns.counts**2).sum(axis=1) - raters) / (raters * (raters - 1))
    chance = float(((weights @ patterns.counts / raters) ** 2).sum())
    return None if chance >= 1 else float((weights @ agreed - chance) / (1 - chance))
