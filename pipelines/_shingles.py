"""Texts as sets of word n-gram hashes, in one flat buffer."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

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

# A slice's tokens and n-grams are then about 4 MB, so that they stay in a processor's cache.
SLICE_BYTES = 2**19
# What a text without a word costs nevertheless; with it a slice has at most 8,192 rows.
_ROW_BYTES = 64

T = TypeVar("T")


class Shingles(NamedTuple):
    """Row i owns `hashes[offsets[i]:offsets[i + 1]]`; those of `shingle` ascend without repeats."""

    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """N-grams of each row."""
        return np.diff(self.offsets)


def tokens(texts: pl.Series) -> pl.Series:
    """Lower-case tokens of each text, in order; null counts as no tokens."""
    return texts.fill_null("").str.to_lowercase().str.extract_all(TOKEN)


Ngrams = Callable[[pl.Series, int], Shingles]
"""What `ngrams` does, perhaps with other hashes."""


def shingle(texts: pl.Series, n: int, of: Ngrams | None = None) -> Shingles:
    """The distinct `n`-grams of each text; a text of 1 to n-1 tokens is one shorter n-gram. `of` hashes otherwise.

    >>> shingle(pl.Series(["a b c d", "B", ""]), 3).counts.tolist()
    [2, 1, 0]
    """
    parts = list(by_slice(texts, lambda part: _distinct((of or ngrams)(part, n))))
    counts = np.concatenate([np.zeros(1, dtype=np.int64), *(part.counts for part in parts)])
    hashes = np.concatenate([np.zeros(0, dtype=np.uint64), *(part.hashes for part in parts)])
    return Shingles(hashes, np.cumsum(counts))


def ngrams(texts: pl.Series, n: int, hashed: Callable[[pl.Series], NDArray[np.uint64]] | None = None) -> Shingles:
    """The `n`-grams of each text in their order, repeats included: what a minimum over them does not mind.

    Holds everything for all `texts` at once; see `by_slice`. `hashed` gives tokens another hash than polars' own, which
    another version of it may change.
    """
    words = tokens(texts)
    lengths = words.list.len().to_numpy().astype(np.int64)
    flat = words.explode(empty_as_null=False, keep_nulls=False)
    return _rolled((hashed or _quickly)(flat), lengths, n)


def _quickly(words: pl.Series) -> NDArray[np.uint64]:
    found: NDArray[np.uint64] = words.hash(seed=0).to_numpy()
    return found


def by_slice(texts: pl.Series, work: Callable[[pl.Series], T]) -> Iterator[T]:
    """`work` of consecutive slices of `texts`, in order; none where there are no texts.

    Slices run side by side, because polars lets go of the interpreter: memory is that of a few slices.
    """
    sizes = texts.str.len_bytes().fill_null(0).to_numpy().astype(np.int64) + _ROW_BYTES
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        yield from pool.map(lambda rows: work(texts[rows]), slices(sizes, SLICE_BYTES))


def slices(sizes: NDArray[np.int64], most: int) -> list[slice]:
    """Consecutive slices whose `sizes` (each at least 0) add up to `most` at most, not counting their last.

    >>> slices(np.array([1, 1, 1, 9, 1]), 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    before = np.cumsum(sizes) - sizes
    begins = [0, *(np.flatnonzero(np.diff(before // most)) + 1).tolist()]
    return [slice(*each) for each in zip(begins, [*begins[1:], len(sizes)], strict=True) if len(sizes)]


def _rolled(flat: NDArray[np.uint64], lengths: NDArray[np.int64], n: int) -> Shingles:
    """N-grams from the tokens' hashes; a row of fewer than `n` tokens gives one."""
    ends = np.cumsum(lengths)
    grams, keep = flat.copy(), np.ones(len(flat), dtype=np.bool_)
    short = []
    for size in range(1, n):
        starts = ends[lengths == size] - size
        short.append((starts, grams[starts]))
        grams[:-size] *= _MULTIPLIER
        grams[:-size] += flat[size:]
        # What begins here would reach into the next row.
        keep[ends[lengths > size] - size] = False
    for starts, whole in short:
        grams[starts] = whole
    counts = np.where(lengths < n, np.minimum(lengths, 1), lengths - (n - 1))
    return Shingles(grams[keep], np.concatenate(([0], np.cumsum(counts))).astype(np.int64))


def _distinct(shingles: Shingles) -> Shingles:
    """Each row's n-grams ascending, each once."""
    counts = shingles.counts
    rows = np.repeat(np.arange(len(counts), dtype=np.uint16 if len(counts) <= 2**16 else np.int64), counts)
    order = np.argsort(shingles.hashes)
    # Sixteen bits are sorted by counting; together a sixth of the time of lexsort.
    order = order[np.argsort(rows[order], kind="stable")]
    grams, rows = shingles.hashes[order], rows[order]
    first = np.ones(len(grams), dtype=np.bool_)
    first[1:] = (grams[1:] != grams[:-1]) | (rows[1:] != rows[:-1])
    left = np.bincount(rows[first], minlength=len(counts))
    return Shingles(grams[first], np.concatenate(([0], np.cumsum(left))).astype(np.int64))
