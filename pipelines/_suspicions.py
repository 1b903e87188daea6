"""What only people can decide: conflicts, and duplicates that a threshold merely suspects."""

import polars as pl

from pipelines._clusters import ranked
from pipelines._normal import digested, rejected_text, squeezed
from schemas.outcome import DUPLICATE_CONFLICT, DUPLICATE_SEMANTIC
from schemas.record import Kind

PAIR = pl.Schema({"a": pl.Int64(), "b": pl.Int64(), "similarity": pl.Float64()})
"""Two row_ids and how alike they are."""

_CONFLICT = "a near-equal prompt has a different answer"
_SUSPECT = "may say the same as its twin"


def contradictions(records: pl.DataFrame, whole: pl.LazyFrame) -> pl.DataFrame:
    """Pairs of `records` that are equal but for their judgement: opposite labels, or chosen and rejected swapped.

    `whole` has what they say, which is held as digests.
    """
    judged = records.lazy().filter(pl.col("kind").is_in([Kind.KTO.value, Kind.PREFERENCE.value])).select("row_id")
    keyed = (
        whole.join(judged, on="row_id", how="semi", maintain_order="left")
        .select(
            "row_id",
            "kind",
            "label",
            prompt=digested(squeezed(pl.col("prompt"))),
            one=digested(squeezed(pl.col("completion"))),
            two=digested(squeezed(rejected_text())),
        )
        .collect(engine="streaming")
    )
    labelled = keyed.filter(pl.col("kind") == Kind.KTO)
    opposite = labelled.join(labelled, on=["prompt", "one"], suffix="_b").filter(pl.col("label") & ~pl.col("label_b"))
    preferred = keyed.filter(pl.col("kind") == Kind.PREFERENCE)
    swapped = preferred.join(
        preferred, left_on=["prompt", "one", "two"], right_on=["prompt", "two", "one"], suffix="_b"
    ).filter(pl.col("row_id") < pl.col("row_id_b"))
    both = pl.concat([opposite.select("row_id", "row_id_b"), swapped.select("row_id", "row_id_b")])
    return both.select(
        a=pl.min_horizontal("row_id", "row_id_b"), b=pl.max_horizontal("row_id", "row_id_b"), similarity=pl.lit(1.0)
    )


def with_suspicions(kept: pl.DataFrame, conflicts: pl.DataFrame, suspects: pl.DataFrame) -> pl.DataFrame:
    """Add suspicion (reasons), suspicion_twin, suspicion_similarity and suspicion_detail; null where none.

    Both sides of a conflict are doubtful; of a suspected duplicate only the one ranked lower. Pairs
    with a side that is no longer among `kept` say nothing.
    """
    swapped = conflicts.select(a="b", b="a", similarity="similarity")
    said = pl.concat(
        [
            pl.concat([conflicts, swapped]).with_columns(reason=pl.lit(DUPLICATE_CONFLICT), detail=pl.lit(_CONFLICT)),
            _worse_first(suspects, kept).with_columns(reason=pl.lit(DUPLICATE_SEMANTIC), detail=pl.lit(_SUSPECT)),
        ]
    )
    found = (
        said.join(kept.select(b="row_id", twin="record_id"), on="b")
        .sort("reason", "similarity", "b", descending=[False, True, False])
        .group_by("a", maintain_order=True)
        .agg(
            suspicion=pl.col("reason").unique(maintain_order=True),
            suspicion_twin=pl.col("twin").first(),
            suspicion_similarity=pl.col("similarity").first(),
            suspicion_detail=pl.col("detail").first(),
        )
    )
    return kept.join(found, left_on="row_id", right_on="a", how="left", maintain_order="left")


def _worse_first(pairs: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Each pair with the row to look at in `a`: the one that would have lost."""
    ranks = ranked(kept).select("row_id", "rank")
    both = pairs.join(ranks, left_on="a", right_on="row_id").join(ranks, left_on="b", right_on="row_id", suffix="_b")
    loses = pl.col("rank") > pl.col("rank_b")
    return both.select(
        a=pl.when(loses).then("a").otherwise("b"), b=pl.when(loses).then("b").otherwise("a"), similarity="similarity"
    )
