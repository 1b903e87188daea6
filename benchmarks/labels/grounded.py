"""Answers beside their own input and beside another's: what a low support tells, and at which threshold"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.labels.figures import Line, area_under_roc, found, least
from benchmarks.labels.reading import of_others, there
from checks import grounding
from checks.catalogue import prepared
from pipelines.ingest import read_records

SEED = 20260417
# Of answers with their own input no more than this share may be flagged where the threshold is fitted.
MOST_FLAGGED = 0.02


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    made = []
    for name, file in (("Dolly", "dolly_3k.jsonl"), ("Alpaca", "alpaca_data.json.gz")):
        own = _closed(read_records(str(there(data / "raw" / file))))
        support = np.concatenate([_support(own), _support(_swapped(own))])
        wrong = np.repeat([False, True], own.height)
        # Every second question is on one side, with both its inputs.
        fitting = np.tile(np.arange(own.height) % 2 == 0, 2)
        bar = threshold(support[fitting], wrong[fitting])
        scores = found(support[~fitting] < grounding.MIN_SUPPORT, wrong[~fitting])
        false = float((support[~fitting & ~wrong] < grounding.MIN_SUPPORT).mean())
        on = f"{name}, {int((~fitting & ~wrong).sum())} closed questions and the same with another's input"
        auc = area_under_roc(-support[~fitting], wrong[~fitting])
        note = f"the half it was not fitted on; the other half fits {bar:.2f}"
        what = "grounding.ignores_input"
        made += [
            Line(what, on, "AUC of the support", auc, "", least(0.9), note),
            Line(what, on, "recall", scores.recall, "", least(0.8), f"at {grounding.MIN_SUPPORT}"),
            Line(
                what, on, "precision", scores.precision, "", least(0.9), f"of answers with their own input {false:.1%}"
            ),
        ]
    return made


def threshold(support: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """The largest of 0.05, 0.1, ... that flags no more than MOST_FLAGGED of the answers with their own input.

    >>> threshold(np.array([0.3, 0.4, 0.0]), np.array([False, False, True]))
    0.3
    """
    bars = [step / 20 for step in range(1, 11)]
    return max(bar for bar in bars if bar == bars[0] or (support[~wrong] < bar).mean() <= MOST_FLAGGED)


def _closed(records: pl.DataFrame) -> pl.DataFrame:
    """The records that the check is about."""
    ready = prepared(records)
    from checks.registry import CHECKS

    return records.filter(ready.select(CHECKS["grounding.ignores_input"].applies).to_series())


def _swapped(own: pl.DataFrame) -> pl.DataFrame:
    """Each with the input of another."""
    return own.with_columns(of_others(own["context"], SEED))


def _support(records: pl.DataFrame) -> NDArray[np.float64]:
    return prepared(records).select(grounding.support()).to_series().to_numpy()
