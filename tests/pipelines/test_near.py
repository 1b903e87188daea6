import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import _near
from pipelines._near import bands_for, jaccard, near_pairs
from pipelines._shingles import shingle


def all_pairs(texts: list[str], min_jaccard: float) -> set[tuple[int, int]]:
    """The plain version: every pair of sets."""
    words = [text.split() for text in texts]
    sets = [{tuple(row[i : i + 3]) for i in range(max(1, len(row) - 2))} if row else set() for row in words]
    return {
        (a, b)
        for b in range(len(sets))
        for a in range(b)
        if sets[a] and sets[b] and len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= min_jaccard
    }


def found(texts: list[str], min_jaccard: float) -> set[tuple[int, int]]:
    pairs = near_pairs(shingle(pl.Series(texts, dtype=pl.String), 3), min_jaccard=min_jaccard, seed=7)
    return set(pairs.select("a", "b").iter_rows())


@given(st.lists(st.lists(st.sampled_from("ab"), max_size=6).map(" ".join), max_size=12))
def test_no_pair_is_invented(texts: list[str]) -> None:
    assert found(texts, 0.8) <= all_pairs(texts, 0.8)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_edited_texts_are_found_when_their_true_index_reaches_the_threshold(seed: int) -> None:
    drawn = random.Random(seed)
    texts = []
    for _ in range(8):
        base = [f"w{drawn.randrange(500)}" for _ in range(60)]
        texts.append(" ".join(base))
        for _ in range(drawn.randrange(4)):
            base[drawn.randrange(60)] = "changed"
        texts.append(" ".join(base))
    # 0.995 a pair at the very threshold; these lie above it, and a seed that misses one is a defect.
    assert found(texts, 0.8) == all_pairs(texts, 0.8)


def test_the_similarity_is_the_true_jaccard_index() -> None:
    shingles = shingle(pl.Series(["a b c d e f", "a b c d e g", "", ""]), 3)
    places = np.array([0, 2]), np.array([1, 3])
    assert jaccard(shingles, *places).tolist() == [3 / 5, 0.0]


def test_texts_without_words_are_not_alike() -> None:
    assert found(["", "!!!", "  ", "..."], 0.5) == set()


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.99])
def test_bands_reach_the_recall_they_promise(threshold: float) -> None:
    bands = bands_for(threshold)
    assert bands.bands * bands.rows <= _near.PERMUTATIONS
    assert 1 - (1 - threshold**bands.rows) ** bands.bands >= _near.RECALL


def test_a_template_with_thousands_of_rows_still_joins_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_near, "BUCKET", 10)
    monkeypatch.setattr(_near, "NEIGHBOURS", 2)
    pairs = found(["the very same words again and again"] * 40, 0.8)
    assert len(pairs) == 39 + 38
