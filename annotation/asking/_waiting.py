"""What waits for people in a release: its records in review and their twins, as drafts of tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from annotation.asking.gold import Gold
from annotation.asking.routing import difficulty
from schemas.decision import TaskKind, pair_subject
from schemas.errors import ReleaseError
from schemas.outcome import DUPLICATE_SEMANTIC, Fate
from schemas.record import ROW_KEY, Kind

_NEEDED = (
    *ROW_KEY, "record_id", "kind", "messages", "tools", "chosen", "rejected", "label", "metadata", "prompt",
    "completion", "outcome", "reasons", "notes", "twin", "similarity", "detail",
)  # fmt: skip
_MEASURED = ("language", "n_tokens", "quality", "cluster", "ifd_perplexity_ratio")


class Draft(NamedTuple):
    """A task before it is placed."""

    kind: TaskKind
    subject: str
    row: dict[str, Any]
    twin: dict[str, Any] | None
    gold: Gold | None


def drafts(records: pl.DataFrame, gold: Sequence[Gold]) -> list[Draft]:
    """A draft for each record_id in review, sorted by it, and then one for each gold record.

    Raises ReleaseError where `records` lacks a column.
    """
    waiting = _waiting(records)
    twins = _rows_of(records, waiting)
    known = [Draft(TaskKind.RECORD, one.record_id, _gold_row(one), None, one) for one in gold]
    return [*(_draft(row, twins) for row in waiting), *known]


def _waiting(records: pl.DataFrame) -> list[dict[str, Any]]:
    """A row for each record_id in review, with the reasons of all its rows and its `difficulty`; sorted by record_id.

    The difficulty is the ratio of perplexities where the release has one of any record, else what the records' own
    metadata says: two scales in one release would send people what nobody meant.
    """
    missing = [name for name in _NEEDED if name not in records.columns]
    if missing:
        raise ReleaseError(f"records.parquet lacks the column {missing[0]!r}; run `assay curate` again")
    rows = records.filter(pl.col("outcome") == Fate.REVIEW).sort(ROW_KEY)
    columns = [name for name in (*_NEEDED, *_MEASURED) if name in records.columns]
    lists = ("reasons", "notes")
    told = ("twin", "similarity", "detail")  # by the first row that says so
    merged = rows.select(columns).group_by("record_id", maintain_order=True)
    told_once = (
        merged.agg(
            *(pl.col(name).first() for name in columns if name not in ("record_id", *lists, *told)),
            *(pl.col(name).drop_nulls().first() for name in told),
            *(pl.col(name).explode().drop_nulls().unique(maintain_order=True) for name in lists),
        )
        .sort("record_id")
        .with_columns(pl.lit(None).alias(name) for name in _MEASURED if name not in columns)
        .to_dicts()
    )
    measured = "ifd_perplexity_ratio" in columns and records["ifd_perplexity_ratio"].is_not_null().any()
    return [
        {**row, "difficulty": row["ifd_perplexity_ratio"] if measured else difficulty(row["metadata"])}
        for row in told_once
    ]


def _rows_of(records: pl.DataFrame, waiting: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The twins' rows by record_id."""
    wanted = pl.Series([row["twin"] for row in waiting], dtype=pl.String).drop_nulls().unique()
    found = records.select(_NEEDED).filter(pl.col("record_id").is_in(wanted.implode())).sort(ROW_KEY)
    return {row["record_id"]: row for row in found.unique("record_id", keep="first", maintain_order=True).to_dicts()}


def _draft(row: dict[str, Any], twins: Mapping[str, dict[str, Any]]) -> Draft:
    twin = twins.get(row["twin"]) if row["twin"] != row["record_id"] else None
    if row["reasons"] == [DUPLICATE_SEMANTIC] and twin:
        return Draft(TaskKind.PAIR, pair_subject(row["record_id"], twin["record_id"]), row, twin, None)
    kind = TaskKind.PREFERENCE if row["kind"] == Kind.PREFERENCE else TaskKind.RECORD
    return Draft(kind, row["record_id"], row, twin, None)


def _gold_row(gold: Gold) -> dict[str, Any]:
    return dict.fromkeys((*_NEEDED, *_MEASURED, "difficulty")) | gold.as_row()
