"""The sum: rows in are rows in the ledger, or the run fails."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines._ledger import all_records, ledger_of, reconcile
from pipelines.decide import undecided
from schemas.errors import ReconciliationError
from schemas.outcome import LEDGER_SCHEMA, VERDICT_SCHEMA
from schemas.report import SourceFigures

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]
LOST = pl.Schema(
    {"source": pl.String, "source_row": pl.Int64, "part": pl.Int32, "reason": pl.String, "detail": pl.String}
)


def lost(*rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"source": "test.jsonl", "source_row": row, "part": 0, "reason": "unreadable.json", "detail": "cut short"}
            for row in rows
        ],
        schema=LOST,
    )


def read(rows: int, records: int, unreadable: int) -> SourceFigures:
    return SourceFigures(source="test.jsonl", status="read", rows=rows, records=records, unreadable=unreadable)


def released(make_records: Make, count: int) -> pl.DataFrame:
    rows = make_records([{"prompt": f"p{n}", "completion": "c"} for n in range(count)])
    measured = rows.with_columns(
        split=pl.lit("train"),
        notes=pl.lit(["length.short"], dtype=pl.List(pl.String)),
        review_reasons=pl.lit([], dtype=pl.List(pl.String)),
    )
    return undecided(measured.lazy()).collect()


def gone(rows: pl.DataFrame, outcome: str, reason: str) -> pl.DataFrame:
    said = {"outcome": outcome, "reasons": [reason], "twin": None, "similarity": None, "detail": None}
    return rows.drop("split").with_columns(pl.lit(said[name], dtype=VERDICT_SCHEMA[name]).alias(name) for name in said)


def test_each_row_has_its_line_with_its_outcome_and_reasons(make_records: Make) -> None:
    rows = released(make_records, 3)
    records = all_records(rows[:2], [gone(rows[2:], "dropped", "structure.empty_prompt")])
    ledger = ledger_of(records, lost(4))
    assert ledger.schema == LEDGER_SCHEMA
    assert ledger.select("source_row", "outcome", "reasons", "notes").rows() == [
        (1, "train", [], ["length.short"]),
        (2, "train", [], ["length.short"]),
        (3, "dropped", ["structure.empty_prompt"], ["length.short"]),
        (4, "unreadable", ["unreadable.json"], []),
    ]
    assert ledger["record_id"].null_count() == 1
    reconcile(ledger, [read(4, 3, 1)])


def test_a_row_that_vanished_fails_the_run(make_records: Make) -> None:
    records = all_records(released(make_records, 3), [])
    with pytest.raises(ReconciliationError, match=r"test\.jsonl: 4 rows and 4 records were read, 3 and 3 are in"):
        reconcile(ledger_of(records, lost()), [read(4, 4, 0)])


def test_a_row_told_twice_fails_the_run(make_records: Make) -> None:
    rows = released(make_records, 2)
    records = all_records(rows, [gone(rows[:1], "duplicate", "duplicate.exact")])
    with pytest.raises(ReconciliationError, match="twice"):
        reconcile(ledger_of(records, lost()), [read(2, 2, 0)])


def test_a_row_without_an_outcome_fails_the_run(make_records: Make) -> None:
    records = all_records(released(make_records, 1).with_columns(split=pl.lit(None, dtype=pl.String)), [])
    with pytest.raises(ReconciliationError, match="no outcome"):
        reconcile(ledger_of(records, lost()), [read(1, 1, 0)])


def test_a_tree_has_one_row_and_a_line_for_each_of_its_records(make_records: Make) -> None:
    rows = released(make_records, 3).with_columns(
        source_row=pl.lit(1, dtype=pl.Int64), part=pl.Series([1, 2, 3], dtype=pl.Int32)
    )
    ledger = ledger_of(all_records(rows, []), lost())
    assert ledger.height == 3
    reconcile(ledger, [read(1, 3, 0)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fates=st.lists(st.sampled_from(["train", "dropped", "duplicate", "review", "unreadable"]), max_size=12))
def test_any_mix_of_fates_reconciles_and_losing_any_row_does_not(make_records: Make, fates: list[str]) -> None:
    readable = [n for n, fate in enumerate(fates) if fate != "unreadable"]
    rows = released(make_records, len(fates))
    parts = [gone(rows[n], fates[n], "structure.x") for n in readable if fates[n] != "train"]
    kept = rows.filter(pl.col("row_id").is_in([n for n in readable if fates[n] == "train"]))
    broken = lost(*[n + 1 for n, fate in enumerate(fates) if fate == "unreadable"])
    ledger = ledger_of(all_records(kept, parts), broken)
    figures = [read(len(fates), len(readable), broken.height)]
    reconcile(ledger, figures)
    assert ledger["outcome"].to_list() == fates
    for n in range(ledger.height):
        with pytest.raises(ReconciliationError):
            reconcile(pl.concat([ledger[:n], ledger[n + 1 :]]), figures)
