"""One adapter or several: whether clusters of prompts want different things of a model"""

from collections.abc import Mapping

import polars as pl

from pipelines.advice.needs import Need
from schemas.advice import Apart
from schemas.report import Report

# Of a measure's variance, the share that lies between clusters: .14 is a large effect (Cohen 1988, chapter 8).
LARGE = 0.14
# An adapter of its own wants rows of its own: docs' rule of thumb for LoRA.
ROWS_FOR_AN_ADAPTER = 1_000
# Of near-equal prompts with answers that disagree: noise below, instructions that contradict each other above.
MANY_CONFLICTS = 0.01
MOST_NAMED = 5


def apart(records: pl.DataFrame, report: Report) -> Apart:
    """Of the released `records` (cluster, completion, language, need: null where it was not judged)."""
    clustered = records.filter(pl.col("cluster").is_not_null())
    sizes = clustered.group_by("cluster").len().filter(pl.col("len") >= ROWS_FOR_AN_ADAPTER)
    conflicts = report.duplicates.conflicts
    if clustered["cluster"].n_unique() < 2:
        return Apart(
            verdict="unknown", says="there are no clusters to tell apart", spread={}, conflicts=conflicts, groups=[]
        )
    measures = clustered.select("cluster", *_measures())
    spread = {name: eta_squared(measures, name) for name in ("answer_length", "structured", "other_language")}
    strong = [name for name, value in spread.items() if value >= LARGE]
    many = conflicts > MANY_CONFLICTS * max(1, records.height)
    terms = dict(enumerate(report.diversity.cluster_terms))
    groups = _stand_apart(measures, sizes["cluster"].to_list(), strong, terms) if strong else []
    several = len(groups) >= 1 and sizes.height >= 2
    return Apart(
        verdict="several" if several else "one", says=_says(several, strong, spread, many, conflicts, sizes.height),
        spread={name: round(value, 4) for name, value in spread.items()}, conflicts=conflicts, groups=groups,
    )  # fmt: skip


def _measures() -> list[pl.Expr]:
    most = pl.col("language").drop_nulls().mode().first()
    return [
        pl.col("completion").fill_null("").str.len_chars().cast(pl.Float64).log1p().alias("answer_length"),
        (pl.col("need") == Need.STRUCTURE.value).cast(pl.Float64).alias("structured"),
        (pl.col("language") != most).fill_null(False).cast(pl.Float64).alias("other_language"),
    ]


def eta_squared(measures: pl.DataFrame, name: str) -> float:
    """Variance between clusters over all variance, in [0, 1]; 0 where nothing varies. Nulls are left out."""
    value = pl.col(name)
    measures = measures.drop_nulls(name)
    sums = measures.group_by("cluster", maintain_order=True).agg(mean=value.mean(), rows=pl.len())
    overall = measures[name].mean()
    total = float(measures.select(((value - overall) ** 2).sum()).item())
    between = float(sums.select((pl.col("rows") * (pl.col("mean") - overall) ** 2).sum()).item())
    return between / total if total > 0 else 0.0


def _stand_apart(measures: pl.DataFrame, large: list[int], strong: list[str], terms: Mapping[int, str]) -> list[str]:
    """Terms of the clusters with rows enough whose mean lies a standard deviation off, the furthest first."""
    if not large:
        return []
    off = [((pl.col(name).mean() - measures[name].mean()) / (measures[name].std() or 1.0)).abs() for name in strong]
    means = measures.group_by("cluster", maintain_order=True).agg(off=pl.max_horizontal(*off))
    far = means.filter(pl.col("cluster").is_in(large), pl.col("off") >= 1).sort(
        "off", "cluster", descending=[True, False]
    )
    return [terms.get(cluster) or f"cluster {cluster}" for cluster in far["cluster"].head(MOST_NAMED)]


_NAMED = {
    "answer_length": "the length of answers",
    "structured": "whether answers are in a format",
    "other_language": "the language",
}


def _says(several: bool, strong: list[str], spread: dict[str, float], many: bool, conflicts: int, large: int) -> str:
    told = ", ".join(f"{spread[name]:.0%} of the variance of {_NAMED[name]}" for name in strong)
    conflicting = f"; {conflicts} near-equal prompts have answers that disagree: settle them first" if many else ""
    if several:
        return f"several adapters on one base are worth a try: {told} lies between clusters{conflicting}"
    if strong:
        why = (
            "too few rows for adapters of their own"
            if large < 2
            else "no large cluster stands a standard deviation off"
        )
        return f"one adapter: {told} lies between clusters, but {why}{conflicting}"
    return f"one adapter: clusters differ little in length, format and language{conflicting}"
