import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import _shingles
from pipelines._shingles import ngrams, shingle, slices, tokens

_FAR = r"一-鿿぀-ヿ฀-๿"  # Han, kana and Thai of the texts drawn below
PLAIN = re.compile(rf"[{_FAR}]|(?:(?![{_FAR}])[\w\u0300])+|[+*/=<>%^&|~-]")


def grams(text: str, n: int) -> set[int]:
    return set(shingle(pl.Series([text]), n).hashes.tolist())


def test_words_are_cut_at_spaces_and_characters_where_there_are_none() -> None:
    cut = tokens(pl.Series(["Hello, World-wide 3.5!", "三原色", None, "", "日本 is あ"])).to_list()
    assert cut == [["hello", "world", "-", "wide", "3", "5"], ["三", "原", "色"], [], [], ["日", "本", "is", "あ"]]


def test_case_and_punctuation_do_not_matter_but_order_and_operators_do() -> None:
    assert grams("The cat, the HAT!", 3) == grams("the cat the hat", 3)
    assert grams("the cat sat", 3) != grams("sat the cat", 3)
    assert grams("a < b", 3) != grams("a > b", 3)


def test_a_text_shorter_than_the_n_gram_is_one_of_its_own() -> None:
    assert len(grams("yes", 3)) == 1
    assert grams("yes", 3) != grams("no", 3)
    assert grams("", 3) == set()
    # Shorter than the n-gram by more than one token, and nothing behind it in the buffer.
    assert len(grams("yes", 8)) == 1
    assert grams("a a", 4) != grams("a", 4)


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=8), max_size=6), st.integers(1, 4))
def test_shingles_are_the_distinct_n_grams_of_each_row(rows: list[list[str]], n: int) -> None:
    made = shingle(pl.Series([" ".join(row) for row in rows], dtype=pl.String), n)
    expected = [len({tuple(row[i : i + n]) for i in range(max(1, len(row) - n + 1))}) if row else 0 for row in rows]
    assert made.counts.tolist() == expected
    for start, stop in zip(made.offsets[:-1], made.offsets[1:], strict=True):
        assert np.all(np.diff(made.hashes[start:stop].astype(object)) > 0)


def plain(text: str | None, n: int) -> list[tuple[str, ...]]:
    """The plain version: n-grams of a text as tuples, in order."""
    words = PLAIN.findall((text or "").lower())
    return [tuple(words[i : i + n]) for i in range(max(1, len(words) - n + 1))] if words else []


@given(
    st.lists(st.none() | st.text("aB1_ .,-+<é\u0300ß三原あア", max_size=40), max_size=12),
    st.integers(1, 5),
    st.sampled_from([1, 100, 2**19]),
)
def test_n_grams_made_in_slices_are_those_of_the_plain_version(texts: list[str | None], n: int, size: int) -> None:
    series = pl.Series(texts, dtype=pl.String)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_shingles, "SLICE_BYTES", size)
        made = shingle(series, n)
    ordered = ngrams(series, n)
    expected = [plain(text, n) for text in texts]
    hash_of: dict[tuple[str, ...], int] = {}
    for row, grams in enumerate(expected):
        hashes = ordered.hashes[ordered.offsets[row] : ordered.offsets[row + 1]].tolist()
        assert len(hashes) == len(grams)
        for gram, number in zip(grams, hashes, strict=True):
            assert hash_of.setdefault(gram, number) == number
        assert made.hashes[made.offsets[row] : made.offsets[row + 1]].tolist() == sorted(
            {hash_of[gram] for gram in grams}
        )
    assert len(set(hash_of.values())) == len(hash_of)


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(1, 25))
def test_slices_hold_everything_once_and_in_order(sizes: list[int], most: int) -> None:
    cut = slices(np.array(sizes, dtype=np.int64), most)
    assert [place for part in cut for place in range(*part.indices(len(sizes)))] == list(range(len(sizes)))
    assert all(sum(sizes[part]) - sizes[part][-1] <= most for part in cut)


def test_more_rows_than_sixteen_bits_count_stay_apart() -> None:
    many = pl.Series(["b a b a", ""] * 40_000)
    assert shingle(many, 1).counts.tolist() == [2, 0] * 40_000
    assert _shingles._distinct(ngrams(many, 1)).counts.tolist() == [2, 0] * 40_000
