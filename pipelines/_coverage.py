"""How the released rows spread over domains, tasks and clusters, and of what there is little."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from annotation.asking.domains import GENERAL
from checks.diversity import OTHER, TASKS, task
from schemas.outcome import SPLITS
from schemas.report import Coverage, Covered

# A convention: with a quarter of its even share a field is there, and a model may still hardly notice it.
THIN_BELOW = 0.25

_EXAMPLES = 2
_CHARACTERS = 140
_RELEASED = [fate.value for fate in SPLITS]


def coverage(records: pl.DataFrame, *, domains: Iterable[str], terms: Mapping[int, str]) -> Coverage:
    """Of `records` with outcome, prompt, quality, nearest_similarity, cluster and domain: all that have a cluster.

    `domains` are the described ones, `terms` the words of each cluster.
    """
    scored = records.filter(pl.col("cluster").is_not_null())
    seen = scored.select(
        "prompt", "quality", "nearest_similarity", "cluster",
        domain="domain" if "domain" in records.columns else pl.lit(None, dtype=pl.String),
        is_out=pl.col("outcome").is_in(_RELEASED),
        task=task(scored["prompt"]),
    )  # fmt: skip
    known = seen["domain"].null_count() < seen.height
    clusters = seen["cluster"].unique().sort().to_list()
    names = {cluster: terms.get(cluster) or f"cluster {cluster}" for cluster in clusters}
    both = seen.filter("is_out").group_by("domain", "task").len() if known else pl.DataFrame()
    return Coverage(
        thin_below=THIN_BELOW,
        domains=_covered(seen, "domain", [*domains, GENERAL], rest=GENERAL) if known else [],
        tasks=_covered(seen, "task", [*TASKS, OTHER], rest=OTHER),
        clusters=_covered(seen, "cluster", clusters, names=names),
        domain_tasks=_matrix(both),
    )


def _covered(
    seen: pl.DataFrame,
    column: str,
    values: Sequence[Any],
    *,
    rest: str | None = None,
    names: Mapping[Any, str] | None = None,
) -> list[Covered]:
    """One for each of `values`, in their order, also where no row has it. `rest` is what belongs to none."""
    out = pl.col("is_out")
    sums = seen.group_by(column).agg(
        scored=pl.len(),
        released=out.sum(),
        quality_mean=pl.col("quality").filter(out).mean(),
        nearest_mean=pl.col("nearest_similarity").filter(out).mean(),
        examples=pl.col("prompt").filter(out).head(_EXAMPLES).str.slice(0, _CHARACTERS),
    )
    found = {row.pop(column): row for row in sums.to_dicts()}
    nothing: dict[str, Any] = {"scored": 0, "released": 0, "quality_mean": None, "nearest_mean": None, "examples": []}
    total = int(seen["is_out"].sum())
    few = total / max(1, len(values)) * THIN_BELOW
    return [
        Covered(
            name=(names or {}).get(value, str(value)),
            share=row["released"] / total if total else None,
            thin=value != rest and row["released"] < few,
            **row,
        )
        for value in values
        for row in [found.get(value, nothing)]
    ]


def _matrix(counted: pl.DataFrame) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for domain, kind, rows in counted.sort("domain", "task").iter_rows() if counted.width else ():
        found.setdefault(domain, {})[kind] = rows
    return found
