"""How long people worked: an estimate from the moments of their answers, for nobody measures it.

Argilla keeps no active time. Between two answers that one person gave shortly after one another, that person
worked; a longer gap was a break. What is not seen is whether work paused within a short gap, and what was
done that ended in no answer.
"""

import polars as pl

ESTIMATE_SCHEMA = pl.Schema(
    {
        "annotator": pl.String(),
        "responses": pl.Int64(),
        "estimated_minutes": pl.Float64(),  # null where nobody gave two answers without a break
        "median_seconds": pl.Float64(),  # between two answers without a break; null where there are none
    }
)


def estimate_active_minutes(submissions: pl.DataFrame, idle_minutes: float) -> pl.DataFrame:
    """ESTIMATE_SCHEMA, sorted by annotator; one line a person, or one a person and tier.

    `submissions` has a line for each answer: `annotator`, `at` (when it was submitted), and `tier` if the lines
    are to be by tier too. A gap of at most `idle_minutes` counts in full. The first answer of all and the first
    after a break took time as well, but it is not known when that work began: each counts as that person's
    median gap without a break, or as everybody's where the person has none. That is neither the zero that leaves
    out the first answer of each sitting nor the whole break.
    """
    keys = [name for name in ("annotator", "tier") if name in submissions.columns]
    worked = _worked(submissions, idle_minutes)
    return (
        worked.group_by(keys)
        .agg(
            responses=pl.len().cast(pl.Int64),
            # A sum over unknowns is unknown, not zero.
            estimated_minutes=pl.when(pl.col("seconds").is_not_null().all()).then(pl.col("seconds").sum() / 60),
            median_seconds=pl.col("gap").median(),
        )
        .sort(keys)
    )


def _worked(submissions: pl.DataFrame, idle_minutes: float) -> pl.DataFrame:
    """Adds `gap` (seconds since the person's last answer; null after a break) and `seconds` (what it counts for)."""
    since = pl.col("at").diff().over("annotator").dt.total_microseconds() / 1e6
    gaps = submissions.sort("annotator", "at", nulls_last=True, maintain_order=True).with_columns(
        gap=pl.when(since <= idle_minutes * 60).then(since)
    )
    usual = pl.coalesce(pl.col("gap").median().over("annotator"), pl.col("gap").median())
    return gaps.with_columns(seconds=pl.coalesce("gap", usual))
