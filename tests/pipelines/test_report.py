"""What the report is made of: bins in which long rows hide nothing, and examples that show their twins."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from pipelines._examples import CHARACTERS, EXAMPLES, examples_of
from pipelines._histogram import growing_histogram, histogram, spread
from pipelines.report import _reasons
from schemas.outcome import LEDGER_SCHEMA
from schemas.report import Histogram, Spread

MakeRecords = Callable[[list[dict[str, Any]]], pl.DataFrame]


def judged(make_records: MakeRecords, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Records with an outcome, and a twin named by its row: `twin` is a row's number from 0."""
    verdict = [{key: row.pop(key, None) for key in ("outcome", "twin", "similarity")} for row in rows]
    frame = make_records(rows)
    ids = frame["record_id"].to_list()
    return frame.with_columns(
        outcome=pl.Series([said["outcome"] or "train" for said in verdict]),
        twin=pl.Series([None if said["twin"] is None else ids[said["twin"]] for said in verdict], dtype=pl.String),
        similarity=pl.Series([said["similarity"] for said in verdict], dtype=pl.Float64),
        detail=pl.lit(None, dtype=pl.String),
    )


def test_one_long_row_does_not_hide_the_short_ones() -> None:
    lengths = pl.Series([10, 12, 15, 20, 30, 45, 60, 90, 4000])
    bins = Histogram.model_validate(growing_histogram(lengths, bins=24))
    assert sum(bins.counts) == 9
    assert max(bins.counts) <= 2
    assert (bins.edges[0], bins.edges[-1]) == (10, 4001)
    assert bins.edges == sorted(set(bins.edges))


@pytest.mark.parametrize("values", [[0], [7], [0, 0, 1], [0, 5000], [1, 2, 3]])
def test_every_row_has_a_bin_also_the_empty_and_the_only_one(values: list[int]) -> None:
    for bins in (growing_histogram(pl.Series(values), bins=24), histogram(pl.Series(values), bins=5)):
        assert sum(bins["counts"]) == len(values)
        assert bins["edges"][0] <= min(values) <= max(values) <= bins["edges"][-1]
        assert len(bins["edges"]) == len(bins["counts"]) + 1


def test_nothing_measured_draws_nothing() -> None:
    nothing = pl.Series([None, None], dtype=pl.Int64)
    assert growing_histogram(nothing, bins=24) is None
    found = Spread.model_validate(spread(nothing, growing=True))
    assert (found.counted, found.missing, found.histogram) == (0, 2, None)


def test_the_twin_of_a_duplicate_is_the_copy_that_stayed(make_records: MakeRecords) -> None:
    same = {"record_id": "a" * 64, "completion": "Paris."}
    records = judged(
        make_records,
        [
            {**same, "prompt": " Capital of France? ", "outcome": "duplicate", "twin": 1, "similarity": 1.0},
            {**same, "prompt": "Capital of France?", "source": "kept.jsonl"},
        ],
    )
    (shown,) = examples_of(records, pl.col("row_id") == records["row_id"][0])
    assert (shown.prompt, shown.twin_prompt) == (" Capital of France? ", "Capital of France?")
    assert (shown.twin_source, shown.twin_source_row) == ("kept.jsonl", 2)


def test_both_sides_of_a_conflict_are_one_example(make_records: MakeRecords) -> None:
    records = judged(
        make_records,
        [
            {"prompt": "Is it safe?", "completion": "Yes.", "outcome": "review", "twin": 1},
            {"prompt": "Is it safe?", "completion": "No.", "outcome": "review", "twin": 0},
            {"prompt": "Who?", "completion": "", "outcome": "dropped"},
            {"prompt": "Who?", "completion": "", "outcome": "dropped"},
        ],
    )
    shown = examples_of(records, pl.lit(True))
    assert [(row.source_row, row.twin_completion) for row in shown] == [(1, "No."), (3, None), (4, None)]


def test_examples_are_few_and_short(make_records: MakeRecords) -> None:
    records = judged(make_records, [{"prompt": f"{at} " + "x" * 1000, "completion": None} for at in range(9)])
    shown = examples_of(records, pl.lit(True))
    assert [row.source_row for row in shown] == list(range(1, EXAMPLES + 1))
    assert all(len(row.prompt) == CHARACTERS + 1 and row.prompt.endswith("…") for row in shown)


def test_reasons_are_counted_by_outcome_most_first() -> None:
    rows = [("review", ["refusal.full"]), ("review", ["duplicate.conflict", "refusal.full"]), ("train", [])]
    ledger = pl.DataFrame({"outcome": [said for said, _ in rows], "reasons": [why for _, why in rows]})
    assert _reasons(ledger) == {"review": {"refusal.full": 2, "duplicate.conflict": 1}}
    assert _reasons(pl.DataFrame(schema=LEDGER_SCHEMA)) == {}
