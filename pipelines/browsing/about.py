"""What the page says of a release before anything is asked, and what there is to filter by."""

from typing import Any

import polars as pl

from pipelines._shown import one_line, visible
from pipelines.browsing.held import SCORES, Held
from schemas.decision import REASONS
from schemas.outcome import SPLITS, Fate


def about(held: Held, by: str) -> dict[str, Any]:
    """Counts of outcomes, reasons and notes, clusters with their words, the scores that some row has."""
    rows = held.rows
    found = dict(rows["outcome"].value_counts().iter_rows())
    return {
        "release": str(held.release),
        "made": held.manifest.created,
        "run": held.manifest.run_id,
        "sources": [one_line(source, 200) for source in held.manifest.sources],
        "files": rows["source"].n_unique(),
        "total": rows.height,
        "altered": held.altered and one_line(held.altered, 500),
        "by": by,
        "gate": held.report.gate and held.report.gate.passed,
        "outcomes": {fate.value: found[fate.value] for fate in Fate if fate.value in found},
        "splits": [fate.value for fate in SPLITS if fate.value in found],
        "reasons": _counted(rows["reasons"]),
        "notes": _counted(rows["notes"]),
        "clusters": _clusters(held),
        "scores": [name for name in SCORES if name in rows.columns and rows[name].null_count() < rows.height],
        "why": REASONS,
    }


def _counted(lists: pl.Series) -> list[tuple[str, int]]:
    counts = lists.explode(empty_as_null=False).drop_nulls().value_counts(name="rows")
    return [
        (visible(name, 120), number)
        for name, number in counts.sort("rows", lists.name, descending=[True, False]).iter_rows()
    ]


def _clusters(held: Held) -> list[tuple[int, int, str]]:
    """Number, rows and the words that mark it; 0 is the largest that the run found, in the report's order."""
    if "cluster" not in held.rows.columns:
        return []
    sizes = held.rows["cluster"].drop_nulls().value_counts().sort("cluster")
    terms = held.report.diversity.cluster_terms
    return [(number, size, terms[number] if number < len(terms) else "") for number, size in sizes.iter_rows()]
