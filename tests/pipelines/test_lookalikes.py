"""What reads like a benchmark's item goes to people, with the item named; what does not is left alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines._lookalikes import with_lookalikes
from pipelines.embedding.encoder import Encoder
from schemas.outcome import CONTAMINATION_SIMILAR

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]

ITEM = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many in all?"
OTHER_WORDS = "In April Natalia sold clips to 48 friends, and in May she sold half as many clips. How many in all?"
FAR = "Write a haiku about the first snow in a quiet village."


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(cache=tmp_path_factory.mktemp("vectors"))


def told(records: pl.DataFrame, items: pl.DataFrame, encoder: Encoder, **changed: Any) -> pl.DataFrame:
    empty = {"suspicion": pl.List(pl.String), "suspicion_similarity": pl.Float64, "suspicion_detail": pl.String}
    prompts = records.select(pl.col("prompt").unique(maintain_order=True)).with_row_index("vector")
    ready = records.join(prompts.with_columns(pl.col("vector").cast(pl.Int64)), on="prompt", maintain_order="left")
    ready = ready.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in empty.items())
    vectors = encoder.encode(prompts["prompt"]).vectors if prompts.height else np.zeros((0, 384), dtype=np.float32)
    ready = ready.with_columns(**changed)
    return with_lookalikes(ready, vectors, {"sums": items}, encoder=encoder, min_similarity=0.85)


def rows(make_records: Make, *prompts: str) -> pl.DataFrame:
    return make_records([{"prompt": prompt, "completion": "72"} for prompt in prompts])


def test_an_item_in_other_words_is_doubtful_and_named(make_records: Make, encoder: Encoder) -> None:
    items = rows(make_records, "What is the boiling point of water at sea level in degrees?", ITEM)
    found = told(rows(make_records, FAR, OTHER_WORDS, OTHER_WORDS), items, encoder)
    assert found["suspicion"].to_list() == [None, [CONTAMINATION_SIMILAR], [CONTAMINATION_SIMILAR]]
    assert found["suspicion_detail"].to_list() == [None, *["reads like item 2 of sums"] * 2]
    assert found["suspicion_similarity"][1] >= 0.85


def test_an_earlier_suspicion_stays(make_records: Make, encoder: Encoder) -> None:
    earlier = {
        "suspicion": pl.lit(["duplicate.conflict"]),
        "suspicion_similarity": pl.lit(0.93),
        "suspicion_detail": pl.lit("a near-equal prompt has a different answer"),
    }
    found = told(rows(make_records, OTHER_WORDS), rows(make_records, ITEM), encoder, **earlier)
    assert found["suspicion"].to_list() == [["duplicate.conflict", CONTAMINATION_SIMILAR]]
    assert found["suspicion_similarity"].to_list() == [0.93]
    said = "a near-equal prompt has a different answer; reads like item 1 of sums"
    assert found["suspicion_detail"].to_list() == [said]


@pytest.mark.parametrize(("prompts", "items"), [((), (ITEM,)), ((FAR,), ("",)), ((FAR,), (ITEM,))])
def test_nothing_alike_changes_nothing(
    make_records: Make, encoder: Encoder, prompts: tuple[str, ...], items: tuple[str, ...]
) -> None:
    found = told(rows(make_records, *prompts), rows(make_records, *items), encoder)
    assert found.height == len(prompts)
    assert found["suspicion"].null_count() == len(prompts)
