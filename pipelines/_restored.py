"""What a person restored by name and reason: no stage takes it out again, and each says what it would have done."""

import polars as pl

from schemas.decision import Verdict

OVERRULED = "overruled"
"""Column of what is kept: the reasons for which later stages than the checks would have taken it out; null: none."""


def is_restored(records: pl.DataFrame) -> pl.Expr:
    """Whether a row of `records` was restored; false everywhere where no decisions were carried out on them."""
    if "decision" not in records.columns:
        return pl.lit(False)
    return (pl.col("decision") == Verdict.RESTORE).fill_null(False)


def ids_restored(records: pl.DataFrame) -> pl.Series:
    """The row_ids of what was restored."""
    return records.filter(is_restored(records))["row_id"]


def overruling(kept: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """`kept` with `found` (row_id, reason; a row may have several) added to its OVERRULED."""
    if found.is_empty():
        return kept
    several = found.group_by("row_id").agg(found=pl.col("reason").unique(maintain_order=True))
    told = kept.join(several, on="row_id", how="left", maintain_order="left")
    if OVERRULED not in kept.columns:
        return told.rename({"found": OVERRULED})
    nothing = pl.lit([], dtype=pl.List(pl.String))
    both = pl.concat_list(pl.col(OVERRULED).fill_null(nothing), pl.col("found").fill_null(nothing))
    return told.with_columns(pl.when(both.list.len() > 0).then(both).alias(OVERRULED)).drop("found")
