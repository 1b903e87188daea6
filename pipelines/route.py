"""Stage: what a person has to look at leaves the release and waits for one."""

import polars as pl

from schemas.outcome import QUALITY_LOW, RELEVANCE_LOW, VERDICT_SCHEMA, Fate, Outcome
from schemas.record import typed

_REFUSAL = "refusal."


def route(records: pl.DataFrame, *, min_quality: float | None = None, min_relevance: float = 0) -> Outcome:
    """Send records with a failing REVIEW check, a suspicion of duplication or a score below its minimum to review.

    `records` needs `review_reasons` (never null), the suspicion columns of the dedup stage and
    `decision`: what people have accepted or fixed is not asked again. The twin of a suspicion is
    carried into the ledger. With `min_quality` a record whose `quality` is null goes there too: what could not be
    measured has not passed. With a `min_relevance` above 0 `relevance` and `notes` are needed too; a `relevance` of
    null is no doubt: the answer was too short to tell, or its words say that it belongs.
    """
    nothing = pl.lit([], dtype=pl.List(pl.String))
    low = pl.lit(False) if min_quality is None else pl.col("quality").fill_null(-1.0) < min_quality
    poor = pl.when(low).then(pl.lit([QUALITY_LOW], dtype=pl.List(pl.String))).otherwise(nothing)
    apart = _apart(min_relevance) if min_relevance else pl.lit(False)
    elsewhere = pl.when(apart).then(pl.lit([RELEVANCE_LOW], dtype=pl.List(pl.String))).otherwise(nothing)
    doubts = pl.concat_list("review_reasons", pl.col("suspicion").fill_null(nothing), poor, elsewhere)
    judged = records.with_columns(reasons=pl.when(pl.col("decision").is_null()).then(doubts).otherwise(nothing))
    doubtful = pl.col("reasons").list.len() > 0
    dropped = judged.filter(doubtful).with_columns(
        outcome=pl.lit(Fate.REVIEW.value),
        twin=pl.col("suspicion_twin"),
        similarity=pl.col("suspicion_similarity"),
        # Why a decision could not be carried out is what the next person needs to know.
        detail=pl.coalesce("decision_detail", "suspicion_detail"),
    )
    counts = dropped["reasons"].explode(empty_as_null=False).value_counts().sort("count", "reasons")
    return Outcome(
        judged.filter(~doubtful).drop("reasons"),
        typed(dropped, VERDICT_SCHEMA),
        {"review": dropped.height, "reasons": dict(counts.iter_rows())},
    )


def _apart(min_relevance: float) -> pl.Expr:
    """Whether an answer has too little to do with its prompt. A refusal never has, and is called what it is already."""
    found = pl.concat_list("review_reasons", "notes").list.eval(pl.element().str.starts_with(_REFUSAL))
    return (pl.col("relevance") < min_relevance).fill_null(False) & ~found.list.any()
