"""Tokens and languages: exact where they can be, silent where they cannot."""

import polars as pl

from pipelines._languages import detect
from pipelines._tokens import count_tokens


def test_tokens_are_counted_and_null_stays_null():
    assert count_tokens(pl.Series(["hello world", "", None])).to_list() == [2, 0, None]


def test_special_tokens_are_text_like_any_other():
    assert count_tokens(pl.Series(["<|endoftext|>"]))[0] > 1


def test_a_text_of_megabytes_is_counted():
    (count,) = count_tokens(pl.Series(["river " * 300_000]))
    assert 300_000 <= count <= 300_100


def test_languages_by_their_sentences():
    texts = {
        "en": "The river rises in the hills and ends in the sea.",
        "de": "Der Fluss entspringt in den Bergen und mündet ins Meer.",
        "fr": "La rivière prend sa source dans les collines et se jette dans la mer.",
        "ru": "Река берёт начало в горах и впадает в море.",
        "ar": "ينبع النهر من الجبال ويصب في البحر.",
        "zh": "这条河发源于山区，流入大海。",
        "ja": "その川は山から流れて海に注ぎます。",
        "ko": "강은 산에서 시작하여 바다로 흘러갑니다.",
    }
    assert detect(pl.Series(texts.values()))["language"].to_list() == list(texts)


def test_what_shows_no_language_is_undecided():
    undecided = ["", "  ", None, "OK", "42 + 17 = 59", "😀🎉", "x = [i for i in range(10) if f(i) == {1: 2}[i]]",
                 "```python\nimport os\nprint(os.getcwd())\n```", "https://example.com/a/b/c/d/e/f"]  # fmt: skip
    found = detect(pl.Series(undecided, dtype=pl.String))
    assert found["language"].to_list() == [None] * len(undecided)
    assert found["score"].to_list() == [None] * len(undecided)
