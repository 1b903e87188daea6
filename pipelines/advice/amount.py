"""Enough data: rows against what each method wants, what is thin, and what more of it costs"""

import polars as pl

from pipelines._shown import count, plural
from pipelines.advice.evidence import rows_that_show
from schemas.advice import Amount, Thin, Wanted
from schemas.report import Report

# Rows from which a method is worth it, and up to which more help much. LoRA's and full finetuning's are the field's
# rule of thumb; LIMA (Zhou et al. 2023) did with 1,000 chosen ones what 50 times as many did not; prompt tuning's is
# the size of the small tasks of Lester et al. 2021.
WANTED = {
    "prompt-tuning": (100, 5_000),
    "lora": (1_000, 10_000),
    "qlora": (1_000, 10_000),
    "adapters": (1_000, 10_000),
    "full": (50_000, 1_000_000),
}
# A kind of prompt that a model sees less often than this, it has seen by accident: "a hundred good ones".
ENOUGH_OF_A_KIND = 100
MOST_SHOWN = 5


def amount(records: pl.DataFrame, report: Report) -> Amount:
    """Of the released `records` (record_id, source, source_row, prompt, completion, cluster)."""
    sizes = (
        records.filter(pl.col("cluster").is_not_null())
        .group_by("cluster").agg(pl.len().alias("rows"))
        .sort("rows", "cluster")
    )  # fmt: skip
    thin = sizes.filter(pl.col("rows") < ENOUGH_OF_A_KIND)
    missing = int((ENOUGH_OF_A_KIND - thin["rows"].cast(pl.Int64)).sum())
    cost = report.people.cost if report.people else None
    per_accepted = cost.per_accepted if cost else None
    terms = dict(enumerate(report.diversity.cluster_terms))
    wanted = [_wanted(method, records.height) for method in WANTED]
    return Amount(
        says=_says(records.height, sizes.height, thin.height, wanted),
        wanted=wanted,
        clusters=sizes.height,
        thin=[_thin(cluster, records, terms.get(cluster, "")) for cluster in thin["cluster"].head(MOST_SHOWN)],
        thin_clusters=thin.height,
        missing=missing,
        per_accepted=per_accepted,
        currency=cost.currency if cost else None,
        price=per_accepted * missing if per_accepted is not None else None,
    )


def _wanted(method: str, rows: int) -> Wanted:
    least, most = WANTED[method]
    return Wanted(
        method=method, at_least=least, up_to=most, has=rows, enough=rows >= least, missing=max(0, least - rows)
    )


def _says(rows: int, clusters: int, thin: int, wanted: list[Wanted]) -> str:
    enough = [each.method for each in wanted if each.enough]
    said = f"{plural(rows, 'row')}: " + (f"enough for {', '.join(enough)}" if enough else "too few to train on")
    short = [f"{each.method} wants {count(each.missing)} more" for each in wanted if not each.enough]
    said += f"; {short[-1]}" if short else ""
    if thin:
        said += f"; {count(thin)} of {plural(clusters, 'cluster')} have fewer than {ENOUGH_OF_A_KIND} rows"
    return said


def _thin(cluster: int, records: pl.DataFrame, terms: str) -> Thin:
    members = records.filter(pl.col("cluster") == cluster)
    return Thin(
        cluster=cluster,
        terms=terms or "no word that marks it",
        rows=members.height,
        missing=ENOUGH_OF_A_KIND - members.height,
        evidence=rows_that_show(members, 2, "in it"),
    )
