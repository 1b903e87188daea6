"""A line of the quality table, and the figures of retrieval and ranking that it shows"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.figures import Needed


class Line(NamedTuple):
    """`what` finds or ranks, `on` which labels and how many, `metric` and `value` how well; null where it is not asked.

    `baseline` says what a cheap way reaches, `note` what a reader has to know.
    """

    what: str
    on: str
    metric: str
    value: float
    baseline: str = ""
    needed: Needed | None = None
    note: str = ""


def least(value: float) -> Needed:
    """A lower bound."""
    return Needed("at least", value, "")


def most(value: float) -> Needed:
    """An upper bound."""
    return Needed("at most", value, "")


class Found(NamedTuple):
    """How well flags agree with labels, each in [0, 1]; NaN where there is nothing to divide by."""

    recall: float
    precision: float
    f1: float
    flagged: float


def found(flags: ArrayLike, labels: ArrayLike) -> Found:
    """Recall, precision, F1, and the share of all that is flagged.

    >>> found([True, True, False, False], [True, False, True, False])
    Found(recall=0.5, precision=0.5, f1=0.5, flagged=0.5)
    """
    said, true = np.asarray(flags, dtype=bool), np.asarray(labels, dtype=bool)
    hits = float((said & true).sum())
    return Found(
        _share(hits, true.sum()),
        _share(hits, said.sum()),
        _share(2 * hits, said.sum() + true.sum()),
        _share(float(said.sum()), len(said)),
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the precision-recall curve as the sum over thresholds, each score once.

    >>> average_precision([0.9, 0.8, 0.7], [1, 0, 1])
    0.8333333333333333
    """
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(np.asarray(labels), np.asarray(scores)))


def area_under_roc(scores: ArrayLike, labels: ArrayLike) -> float:
    """The share of pairs of a labelled and another text in which the labelled scores higher; ties count half.

    >>> area_under_roc([0.9, 0.2, 0.2], [1, 1, 0])
    0.75
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(np.asarray(labels), np.asarray(scores)))


def wins(better: ArrayLike, worse: ArrayLike) -> float:
    """The share of pairs in which the better one scores higher; a tie counts half.

    >>> wins([2, 1, 0], [1, 1, 1])
    0.5
    """
    margin = np.asarray(better, dtype=float) - np.asarray(worse, dtype=float)
    return float(np.mean((margin > 1e-12) + 0.5 * (np.abs(margin) <= 1e-12)))
