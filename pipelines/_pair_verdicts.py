"""What people said of pairs of records: the same, or different."""

import polars as pl

from schemas.decision import TaskKind, Verdict

SAID_SAME = "people say that the two are the same"


def with_verdicts(pairs: pl.DataFrame, records: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Add `said` to `pairs` (row_ids a and b): same or different; null where nobody was asked.

    A pair is known by what its records were called when people saw them, which may be before a correction or
    after it; of two verdicts holds the one on the texts as they are now.
    """
    verdicts = decisions.filter(pl.col("kind") == TaskKind.PAIR).select("subject", verdict="verdict")
    if verdicts.is_empty():
        return pairs.with_columns(said=pl.lit(None, pl.String))
    told = _named(_named(pairs, records, "a"), records, "b")
    for number, (one, other) in enumerate(_NAMES):
        subject = pl.concat_list(f"{one}_a", f"{other}_b").list.sort().list.join(":")
        found = verdicts.rename({"verdict": f"said_{number}"})
        told = told.with_columns(subject=subject).join(found, on="subject", how="left", maintain_order="left")
    said = pl.coalesce(f"said_{number}" for number in range(len(_NAMES)))
    return told.select(*pairs.columns, said=said)


_NAMES = (("now", "now"), ("now", "then"), ("then", "now"), ("then", "then"))
"""Under which names people may have been asked about a pair; the first that they were counts."""


def _named(pairs: pl.DataFrame, records: pl.DataFrame, side: str) -> pl.DataFrame:
    """What the record of this side is called now, and was before it was corrected."""
    names = records.select(
        pl.col("row_id").alias(side),
        pl.col("record_id").alias(f"now_{side}"),
        pl.coalesce("original_record_id", "record_id").alias(f"then_{side}"),
    )
    return pairs.join(names, on=side, how="left", maintain_order="left")


def is_same() -> pl.Expr:
    """Whether people called the pair the same; false where nobody was asked."""
    return (pl.col("said") == Verdict.SAME).fill_null(False)


def is_different() -> pl.Expr:
    """Whether people called the pair different; false where nobody was asked."""
    return (pl.col("said") == Verdict.DIFFERENT).fill_null(False)
