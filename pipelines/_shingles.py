"""Texts as sets of word n-gram hashes, in one flat buffer."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

# Scripts written without spaces are cut into characters, all others into words. Operators are
# tokens of their own, because `a < b` and `a > b` are not the same program.
_NO_SPACES = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
TOKEN = rf"[{_NO_SPACES}]|[\p{{L}}\p{{M}}\p{{N}}_--[{_NO_SPACES}]]+|[+*/=<>%^&|~-]"
"""What counts as a token, as a Rust regular expression."""

# Odd 64-bit multipliers (Steele & Vigna 2021, arXiv:2001.05304) keep order: "a b" is not "b a".
_MULTIPLIER = np.uint64(0xD1342543DE82EF95)


class Shingles(NamedTuple):
    """Row i owns `hashes[offsets[i]:offsets[i + 1]]`, ascending and without repeats."""

    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Distinct n-grams of each row."""
        return np.diff(self.offsets)


def tokens(texts: pl.Series) -> pl.Series:
    """Lower-case tokens of each text, in order; null counts as no tokens."""
    return texts.fill_null("").str.to_lowercase().str.extract_all(TOKEN)


def shingle(texts: pl.Series, n: int) -> Shingles:
    """The distinct `n`-grams of each text; a text of 1 to n-1 tokens is one shorter n-gram.

    >>> shingle(pl.Series(["a b c d", "B", ""]), 3).counts.tolist()
    [2, 1, 0]
    """
    words = tokens(texts)
    lengths = words.list.len().to_numpy().astype(np.int64)
    flat = words.explode(empty_as_null=False, keep_nulls=False).hash(seed=0).to_numpy()
    grams, rows = _ngrams(flat, lengths, n)
    order = np.lexsort((grams, rows))
    grams, rows = grams[order], rows[order]
    first = np.ones(len(grams), dtype=bool)
    first[1:] = (grams[1:] != grams[:-1]) | (rows[1:] != rows[:-1])
    counts = np.bincount(rows[first], minlength=len(lengths))
    return Shingles(grams[first], np.concatenate(([0], np.cumsum(counts))).astype(np.int64))


def _ngrams(
    flat: NDArray[np.uint64], lengths: NDArray[np.int64], n: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hash and row number of every n-gram; short rows give one."""
    rows = np.repeat(np.arange(len(lengths)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(flat))  # tokens from here to the row's end
    starts = (left >= n) | (left == np.repeat(lengths, lengths))
    grams = np.zeros(len(flat), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for step in range(n):
            token = np.zeros(len(flat), dtype=np.uint64)
            token[: max(len(flat) - step, 0)] = flat[step:]
            grams = np.where(left > step, grams * _MULTIPLIER + token, grams)
    return grams[starts], rows[starts]
