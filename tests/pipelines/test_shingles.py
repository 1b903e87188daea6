import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipelines._shingles import shingle, tokens


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
