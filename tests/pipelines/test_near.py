import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import _minhash, _near, _texts
from pipelines._minhash import KIND, RECALL, Bands, band_keys, bands_for, keys_of, no_key
from pipelines._near import jaccard, near_pairs, similarities
from pipelines._shingles import shingle
from pipelines._texts import Texts
from pipelines.cache.store import makers


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
    pairs = near_pairs(Texts.held(pl.Series(texts, dtype=pl.String)), ngram=3, min_jaccard=min_jaccard, seed=7)
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


def test_the_similarity_is_the_true_jaccard_index(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series(["a b c d e f", "a b c d e g", "", None, "x"])
    places = np.array([0, 2, 4]), np.array([1, 3, 0])
    assert jaccard(shingle(texts, 3), *places).tolist() == [3 / 5, 0.0, 0.0]
    monkeypatch.setattr(_near, "CHUNK", 1)
    assert similarities(Texts.held(texts), *places, ngram=3).to_list() == [3 / 5, 0.0, 0.0]
    assert similarities(Texts.held(texts), *(place[:0] for place in places), ngram=3).to_list() == []


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=9).map(" ".join), min_size=2, max_size=8))
def test_intersections_of_many_pairs_at_once_are_those_of_sets(texts: list[str]) -> None:
    a, b = (np.array(side) for side in zip(*((a, b) for b in range(len(texts)) for a in range(b)), strict=True))
    sets = [
        {tuple(row[i : i + 3]) for i in range(max(1, len(row) - 2))} if row else set() for row in map(str.split, texts)
    ]
    plain = [len(sets[i] & sets[j]) / max(len(sets[i] | sets[j]), 1) for i, j in zip(a, b, strict=True)]
    assert similarities(Texts.held(pl.Series(texts)), a, b, ngram=3).to_list() == plain


def test_texts_without_words_are_not_alike() -> None:
    assert found(["", "!!!", "  ", "..."], 0.5) == set()


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.99])
def test_bands_reach_the_recall_they_promise(threshold: float) -> None:
    bands = bands_for(threshold)
    assert bands.bands * bands.rows <= _minhash.PERMUTATIONS
    assert 1 - (1 - threshold**bands.rows) ** bands.bands >= RECALL


def test_a_template_with_thousands_of_rows_still_joins_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_near, "BUCKET", 10)
    monkeypatch.setattr(_near, "NEIGHBOURS", 2)
    pairs = found(["the very same words again and again"] * 40, 0.8)
    assert len(pairs) == 39 + 38


def test_bands_are_told_apart_by_every_number_in_them_and_by_its_place() -> None:
    signatures = np.tile(np.arange(_minhash.PERMUTATIONS, dtype=np.uint32), (3, 1))
    signatures[1, [0, 1]] = signatures[1, [1, 0]]
    signatures[2, 7] += 1
    keys = keys_of(signatures, Bands(21, 6))
    assert keys.shape == (21, 3)
    differ = keys != keys[:, :1]
    assert [np.flatnonzero(differ[:, text]).tolist() for text in range(3)] == [[], [0], [1]]


TEXTS = pl.Series(
    ["one two three four", "five six seven", "", None, "one two three four", "一二三四", "five six seven "]
)


def test_signatures_are_worked_out_once_for_each_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bands = bands_for(0.8)
    plain = band_keys(Texts.held(TEXTS), bands, ngram=3, seed=1)
    assert (plain[:, [2, 3]] == no_key(bands)).all()
    seen: list[str] = []
    work_out = _minhash.ngrams

    def noted(texts: pl.Series, n: int) -> object:
        seen.extend(texts)
        return work_out(texts, n)

    monkeypatch.setattr(_minhash, "ngrams", noted)
    for texts, new in (
        (TEXTS[:3], ["one two three four", "five six seven", ""]),
        (TEXTS, ["一二三四", "five six seven "]),
        (TEXTS, []),
        (TEXTS[::-1], []),
    ):
        seen.clear()
        keys = band_keys(Texts.held(texts), bands, ngram=3, seed=1, cache=str(tmp_path))
        assert sorted(seen) == sorted(new)
        assert np.array_equal(keys, plain[:, : len(texts)] if texts[0] == TEXTS[0] else plain[:, ::-1])


def test_another_threshold_uses_the_same_signatures_another_seed_and_n_do_not(tmp_path: Path) -> None:
    cache = str(tmp_path)
    for threshold, ngram, seed, known in ((0.8, 3, 1, 1), (0.5, 3, 1, 1), (0.8, 3, 2, 2), (0.8, 2, 2, 3)):
        bands = bands_for(threshold)
        keys = band_keys(Texts.held(TEXTS), bands, ngram=ngram, seed=seed, cache=cache)
        assert np.array_equal(keys, band_keys(Texts.held(TEXTS), bands, ngram=ngram, seed=seed))
        assert len(makers(cache, KIND)) == known


def test_batches_and_slices_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, bands = pl.Series([f"row {number % 7} of many words {number}" for number in range(40)]), bands_for(0.8)
    plain = band_keys(Texts.held(texts), bands, ngram=3, seed=1)
    monkeypatch.setattr(_minhash, "PART", 6)
    monkeypatch.setattr(_texts, "PART", 7)
    monkeypatch.setattr("pipelines._shingles.SLICE_BYTES", 200)
    for cache in (None, str(tmp_path), str(tmp_path)):
        assert np.array_equal(band_keys(Texts.held(texts), bands, ngram=3, seed=1, cache=cache), plain)
    assert band_keys(Texts.held(texts[:0]), bands, ngram=3, seed=1, cache=str(tmp_path)).shape == (bands.bands, 0)
