"""What people said of pairs of records: the same, or different."""

import polars as pl

from schemas.decision import TaskKind, Verdict

SAID_SAME = "people say that the two are the same"


def with_verdicts(pairs: pl.DataFrame, records: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Add `said` to `pairs` (row_ids a and b): same or different; null where nobody was asked.

    A pair is known by what its records were called when people saw them, before any correction.
    """
    verdicts = decisions.filter(pl.col("kind") == TaskKind.PAIR).select("subject", said="verdict")
    if verdicts.is_empty():
        return pairs.with_columns(said=pl.lit(None, pl.String))
    names = records.select("row_id", name=pl.coalesce("original_record_id", "record_id"))
    named = pairs.join(names.rename({"row_id": "a"}), on="a", how="left", maintain_order="left").join(
        names.rename({"row_id": "b"}), on="b", how="left", maintain_order="left", suffix="_b"
    )
    both = pl.concat_list("name", "name_b").list.sort().list.join(":")
    return (
        named.with_columns(subject=both)
        .join(verdicts, on="subject", how="left", maintain_order="left")
        .drop("name", "name_b", "subject")
    )


def is_same() -> pl.Expr:
    """Whether people called the pair the same; false where nobody was asked."""
    return (pl.col("said") == Verdict.SAME).fill_null(False)


def is_different() -> pl.Expr:
    """Whether people called the pair different; false where nobody was asked."""
    return (pl.col("said") == Verdict.DIFFERENT).fill_null(False)
