"""What happens to a row: a stage's result, and the ledger's vocabulary."""

from enum import StrEnum
from typing import Any, NamedTuple

import polars as pl


class Fate(StrEnum):
    """The ledger's `outcome`: exactly one for each input row."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    DUPLICATE = "duplicate"
    DROPPED = "dropped"
    CONTAMINATED = "contaminated"
    UNREADABLE = "unreadable"
    REVIEW = "review"
    REJECTED = "rejected"
    UNSELECTED = "unselected"


SPLITS = (Fate.TRAIN, Fate.VALIDATION, Fate.TEST)
"""The outcomes that are released."""

VERDICT_SCHEMA = pl.Schema(
    {
        "outcome": pl.String(),  # a Fate
        "reasons": pl.List(pl.String()),  # "family.check": what dropped it or sent it to review
        "twin": pl.String(),  # record_id of the kept copy, or of the other side of a conflict
        "similarity": pl.Float64(),  # to the twin, in [0, 1]; 1.0 is equal
        "detail": pl.String(),  # one sentence for a person; null when the reasons say it all
    }
)
"""What a stage adds to the rows it takes out."""

LEDGER_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "source_row": pl.Int64(),
        "part": pl.Int32(),
        "record_id": pl.String(),  # null for an unreadable row
        **{name: VERDICT_SCHEMA[name] for name in ("outcome", "reasons")},
        "notes": pl.List(pl.String()),  # milder findings in the form of reasons
        **{name: VERDICT_SCHEMA[name] for name in ("twin", "similarity", "detail")},
    }
)

DUPLICATE_EXACT = "duplicate.exact"
DUPLICATE_NEAR = "duplicate.near"
DUPLICATE_SEMANTIC = "duplicate.semantic"
DUPLICATE_CONFLICT = "duplicate.conflict"
CONTAMINATION_SIMILAR = "contamination.similar"
QUALITY_LOW = "quality.low"
"""In review because `route.min_quality` is set, and the record's quality is lower or was not measured."""
RELEVANCE_LOW = "relevance.low"
"""In review because the record's answer has less to do with its prompt than `route.min_relevance` asks for."""

PAIRS_SCHEMA = pl.Schema(
    {
        "a": pl.Int64(),  # row_id of one record, the smaller
        "b": pl.Int64(),
        "record_a": pl.String(),  # their record_ids
        "record_b": pl.String(),
        "similarity": pl.Float64(),  # of their prompts, in [0, 1]
        "answers": pl.Float64(),  # of their answers
        "said": pl.String(),  # same or different, where people were asked; null otherwise
    }
)
"""Pairs of which one goes if `min_similarity` is not above their similarity: their answers agree. Sorted by a and b."""


class Outcome(NamedTuple):
    """A stage's result: `kept` and `dropped` partition its input.

    `dropped` has the input's columns, what the stage added, and VERDICT_SCHEMA. `figures` is what
    the stage measured, ready for report.json.
    """

    kept: pl.DataFrame
    dropped: pl.DataFrame
    figures: dict[str, Any]
