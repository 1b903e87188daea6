"""What is worked out a part at a time, so that memory stays bounded, is what all at once gives."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from checks import diversity
from checks.diversity import task, verb_objects
from pipelines import _answers, _cluster_terms, _near
from pipelines._answers import compare
from pipelines._cluster_terms import cluster_terms
from pipelines._near import similarities
from pipelines._shingles import tokens
from pipelines._texts import Texts
from pipelines.cache import keys
from pipelines.ingest import read_records

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "train" / "support_alpaca.json"


@pytest.fixture(scope="module")
def records() -> pl.DataFrame:
    return read_records(str(SAMPLES))


@pytest.fixture(scope="module")
def pairs(records: pl.DataFrame) -> pl.DataFrame:
    """Some that lie beside each other, some that lie far apart, and some rows in several."""
    drawn = np.sort(np.random.default_rng(3).choice(records["row_id"], (40, 2)), axis=1)
    return pl.DataFrame({"a": drawn[:, 0], "b": drawn[:, 1]}).filter(pl.col("a") < pl.col("b")).unique().sort("a", "b")


@pytest.mark.parametrize("most", [1, 7, 39])
def test_pairs(records: pl.DataFrame, pairs: pl.DataFrame, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, a, b = Texts.held(records["completion"]), pairs["a"].to_numpy(), pairs["b"].to_numpy()
    by_words, shared = compare(pairs, records.lazy()), similarities(texts, a, b, ngram=1)
    assert by_words["words"].n_unique() > 10
    assert shared.n_unique() > 10
    monkeypatch.setattr(_answers, "PART", most)
    monkeypatch.setattr(_near, "PART", most)
    assert compare(pairs, records.lazy()).equals(by_words)
    assert similarities(texts, a, b, ngram=1).equals(shared)


def test_no_pair(records: pl.DataFrame, pairs: pl.DataFrame) -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert compare(pairs.clear(), records.lazy()).schema == compare(pairs, records.lazy()).schema
    assert similarities(Texts.held(records["completion"]), nothing, nothing, ngram=3).to_list() == []


@pytest.mark.parametrize("most", [1, 7, 39])
def test_prompts(records: pl.DataFrame, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def figures() -> list[Any]:
        verbs = verb_objects(records["prompt"])
        clustered = records.select("prompt", cluster=pl.col("row_id") % 3)
        return [verbs.pairs.rows(), verbs.entropy, task(records["prompt"]).to_list(), cluster_terms(clustered)]

    at_once = figures()
    assert all(at_once)
    monkeypatch.setattr(diversity, "_PROMPTS", most)
    monkeypatch.setattr(_cluster_terms, "_PART", most)
    assert figures() == at_once


def test_no_prompt() -> None:
    nothing = pl.Series("prompt", [], dtype=pl.String)
    assert (verb_objects(nothing).pairs.height, task(nothing).to_list()) == (0, [])
    assert cluster_terms(pl.DataFrame({"prompt": nothing, "cluster": pl.Series([], dtype=pl.Int64)})) == {}


@pytest.mark.parametrize("most", [1, 7, 39])
def test_keys_of_texts(records: pl.DataFrame, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = records["prompt"].scatter([0, 38], None)
    at_once = keys.text_keys(texts)
    assert at_once.null_count() == 2
    monkeypatch.setattr(keys, "_TEXTS", most)
    assert keys.text_keys(texts).equals(at_once, check_names=True, null_equal=True)
    assert keys.text_keys(texts.clear()).to_list() == []


def test_an_answers_length_is_its_tokens(records: pl.DataFrame) -> None:
    odd = ["", None, "a < b", "İstanbul", "日本語 ab", "Straße_1", "x²", "no-\nno"]
    some = records.head(len(odd)).with_columns(completion=pl.Series(odd, dtype=pl.String))
    for told in (records, some):
        assert _answers._answers(told.lazy())["length"].to_list() == tokens(told["completion"]).list.len().to_list()
