"""Answers to another question have nothing to do with the one that they stand at; most are never asked about."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines._relevance import with_relevance
from pipelines.embedding.encoder import Encoder
from pipelines.route import route

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]

PAIRS = [
    (
        "How do I bake sourdough bread at home?",
        "Feed the starter, mix flour, water and salt, let the dough rise, bake.",
    ),
    ("What causes the tides of the ocean?", "The moon's gravity pulls at the water, and the sun's does so a little."),
    (
        "Explain how to change a bicycle tyre.",
        "Take the wheel off, lever the tyre from the rim, and put in a new tube.",
    ),
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(cache=tmp_path_factory.mktemp("vectors"))


def measured(make_records: Make, encoder: Encoder, pairs: list[tuple[str, str | None]]) -> pl.DataFrame:
    records = make_records([{"prompt": prompt, "completion": answer} for prompt, answer in pairs])
    vectors = encoder.encode(records["prompt"]).vectors
    return with_relevance(records.with_columns(vector=pl.int_range(pl.len())), vectors, encoder)


def test_answers_that_slipped_by_one_are_found(make_records: Make, encoder: Encoder) -> None:
    slipped = [(PAIRS[at][0], PAIRS[at - 1][1]) for at in range(3)]
    found = measured(make_records, encoder, [*PAIRS, *slipped])["relevance"]
    assert found[3:].null_count() == 0
    assert (found[3:] < 0.15).all()
    assert not (found[:3] < 0.3).any()


def test_a_number_is_the_cosine_and_nothing_is_made_up(make_records: Make, encoder: Encoder) -> None:
    (prompt, _), (_, other), _ = PAIRS
    rows: list[tuple[str, str | None]] = [(prompt, other), (prompt, "Yes."), (prompt, None), (prompt, prompt * 3)]
    found = measured(make_records, encoder, rows)["relevance"]
    first, second = encoder.encode([prompt, other]).vectors
    assert found[0] == pytest.approx(float(first @ second), abs=0.01)
    assert found[1:].to_list() == [None, None, None]


def test_conversations_and_unwanted_answers_are_not_asked_about(make_records: Make, encoder: Encoder) -> None:
    (prompt, _), (_, other), _ = PAIRS
    talk = [
        {"role": role, "content": text} for role, text in [("user", prompt), ("assistant", "Ask."), ("user", "And?")]
    ]
    pair = {"prompt": prompt, "completion": other}
    rows = [
        pair,
        {**pair, "kind": "kto", "label": True},
        {**pair, "kind": "kto", "label": False},
        {**pair, "messages": talk},
    ]
    records = make_records(rows).with_columns(vector=pl.int_range(pl.len()))
    vectors = encoder.encode(records["prompt"]).vectors
    found = with_relevance(records, vectors, encoder)["relevance"]
    assert (found[:2] < 0.15).all()
    assert found[2:].to_list() == [None, None]


def test_odd_texts_and_no_texts(make_records: Make, encoder: Encoder) -> None:
    odd = ["", " \n" * 20, "x " * 50_000, "你好，世界" * 10, "'; DROP TABLE users; -- a b c d e f"]
    found = measured(make_records, encoder, [("Name a river.", text) for text in odd])["relevance"]
    assert found.is_between(-1, 1).fill_null(True).all()
    none = make_records([]).with_columns(vector=pl.lit(None, dtype=pl.Int64))
    assert with_relevance(none, np.zeros((0, 384), dtype=np.float32), encoder).height == 0


def test_only_what_is_below_and_was_measured_goes_to_people(make_records: Make) -> None:
    empty = pl.lit([], dtype=pl.List(pl.String))
    records = make_records([{"prompt": f"Ask {at}", "completion": "Say"} for at in range(3)]).with_columns(
        relevance=pl.Series([0.1, 0.2, None]), quality=pl.lit(0.5), review_reasons=empty, notes=empty, suspicion=empty,
        suspicion_twin=pl.lit(None, dtype=pl.String), suspicion_similarity=pl.lit(None, dtype=pl.Float64),
        suspicion_detail=pl.lit(None, dtype=pl.String), decision=pl.lit(None, dtype=pl.String),
        decision_detail=pl.lit(None, dtype=pl.String),
    )  # fmt: skip
    sent = route(records, min_relevance=0.15)
    assert sent.dropped["prompt"].to_list() == ["Ask 0"]
    assert sent.dropped["reasons"].to_list() == [["relevance.low"]]
    assert route(records, min_relevance=0).dropped.height == 0
    refusing = records.with_columns(review_reasons=pl.lit(["refusal.full"]))
    assert route(refusing, min_relevance=0.15).dropped["reasons"].to_list() == [["refusal.full"]] * 3


@pytest.mark.parametrize(
    ("flags", "reasons"), [((), ["relevance.low"]), (("--min-relevance", "0"), [])], ids=["by default", "not asked"]
)
def test_a_slipped_answer_goes_to_review(flags: tuple[str, ...], reasons: list[str], tmp_path: Path) -> None:
    import json

    from typer.testing import CliRunner

    from pipelines.cli import app

    (_, bread), (tides, water), (tyre, tube) = PAIRS
    rows = [{"prompt": tides, "completion": bread}, {"prompt": tyre, "completion": tube}]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = CliRunner().invoke(app, ["curate", str(source), "--out", str(tmp_path / "out"), *flags])
    assert said.exit_code in (0, 1), said.output
    ledger = pl.read_parquet(tmp_path / "out" / "ledger.parquet").sort("source_row")
    assert ledger["reasons"].to_list() == [reasons, []]
    kept = pl.read_parquet(tmp_path / "out" / "records.parquet").sort("source_row")["relevance"]
    assert (kept.null_count() == 2) if flags else (kept[0] < 0.15)
    assert water not in said.output
