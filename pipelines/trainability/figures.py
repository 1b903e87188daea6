"""What is measured of a record that is to be trained on: the fields of its `training` column."""

from typing import NamedTuple

import polars as pl


class Figures(NamedTuple):
    """One row. Counts are null where it could not be rendered; `error` says why."""

    tokens: int | None = None  # of all its sequences (a preference has two), before any is cut
    kept: int | None = None  # of these within the window
    supervised: int | None = None  # of the kept, those that the loss is taken of
    skipped: bool | None = None  # the trainer drops the row
    answer_cut: bool | None = None  # its last answer lies wholly beyond the window
    error: str | None = None  # what stops the trainer at this row
    control_tokens: str | None = None  # those that stand in its text, one space between them
    lost_tool_parts: int | None = None  # calls, results and definitions that are not rendered; null: it uses no tools
    lost_turns: int | None = None  # turns whose words are not rendered as they are
    masked_turns: int | None = None  # turns that the record masks, or not, and the trainer otherwise


FIELDS = pl.Schema(
    {
        "tokens": pl.Int64(),
        "kept": pl.Int64(),
        "supervised": pl.Int64(),
        "skipped": pl.Boolean(),
        "answer_cut": pl.Boolean(),
        "error": pl.String(),
        "control_tokens": pl.String(),
        "lost_tool_parts": pl.Int64(),
        "lost_turns": pl.Int64(),
        "masked_turns": pl.Int64(),
    }
)
"""Figures as polars types, in the same order."""

TRAINING = pl.Struct(FIELDS)


def failed(error: str) -> Figures:
    """A row that cannot be prepared."""
    return Figures(error=error)


def unmeasured(rows: int) -> pl.Series:
    """The column where no target is named: null in every row."""
    return pl.Series("training", [None] * rows, dtype=TRAINING)
