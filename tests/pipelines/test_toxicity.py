"""Tone by vectors: hostile sentences that are not among the examples score higher than civil ones about the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines import _toxicity
from pipelines._toxicity import scorer, with_toxicity
from pipelines.embedding.encoder import Encoder

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]

HOSTILE = [
    "Get lost, you brainless toad, everybody hates you.",
    "Those refugees are filth and should be drowned.",
    "The mayor is a greedy swine, I hope somebody shoots her.",
]
CIVIL = [
    "The toad is a small animal that lives near ponds.",
    "The refugees arrived at the harbour and were given food.",
    "The mayor announced a new budget for the schools.",
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(cache=tmp_path_factory.mktemp("vectors"))


def rows(make_records: Make, encoder: Encoder, prompts: list[str], answers: list[str | None]) -> Any:
    pairs = [{"prompt": prompt, "completion": answer} for prompt, answer in zip(prompts, answers, strict=True)]
    records = make_records(pairs).with_columns(vector=pl.col("row_id"))
    return records, encoder.encode(prompts).vectors


def test_hostile_and_civil_are_told_apart(encoder: Encoder) -> None:
    score = scorer(encoder)
    hostile, civil = (score(encoder.encode(texts).vectors) for texts in (HOSTILE, CIVIL))
    assert hostile.min() > 0.5 > civil.max()


def test_an_answer_counts_only_where_it_is_asked_for(make_records: Make, encoder: Encoder) -> None:
    records, vectors = rows(make_records, encoder, [CIVIL[0], CIVIL[1]], [HOSTILE[0], None])
    prompts = with_toxicity(records, vectors, encoder, answers=False)["toxicity"]
    both = with_toxicity(records, vectors, encoder, answers=True)["toxicity"]
    assert prompts.max() < 0.5
    assert both[0] > 0.5 > both[1]
    assert (both >= prompts).all()


def test_no_records_and_prompts_of_every_kind(make_records: Make, encoder: Encoder) -> None:
    assert with_toxicity(make_records([]), np.zeros((0, 0), dtype=np.float32), encoder, answers=True).height == 0
    odd = ["", " \n", "x" * 100_000, "你好，世界", "'; DROP TABLE users; --"]
    records, vectors = rows(make_records, encoder, odd, ["A"] * len(odd))
    assert with_toxicity(records, vectors, encoder, answers=False)["toxicity"].is_between(0, 1).all()


def test_what_was_fitted_once_is_not_fitted_again(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = encoder.encode([*HOSTILE, *CIVIL]).vectors
    anew = scorer(encoder)(vectors)
    assert np.array_equal(scorer(encoder, cache=str(tmp_path))(vectors), anew)
    monkeypatch.setattr(_toxicity, "_fitted", lambda *_: pytest.fail("fitted again"))
    assert np.array_equal(scorer(encoder, cache=str(tmp_path))(vectors), anew)
