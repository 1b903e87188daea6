"""A benchmark's items as the n-grams that are their own, and how much of each item's words a record holds.

Numbers are all alike, for a benchmark's sum with other numbers is still its sum. N-grams that many items share are the
benchmark's boilerplate and do not count. Thresholds: docs/decisions/0010-contamination.md.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._shingles import Ngrams, ngrams, shingle
from schemas.record import typed

# An n-gram in more of a benchmark's items than this is its boilerplate ("how many ... does she have").
MOST_ITEMS = 0.02
# ... but in a small benchmark two items that share a phrase are no boilerplate.
LEAST_ITEMS = 3

GRAMS = pl.Schema({"item": pl.Int64(), "position": pl.Int64(), "gram": pl.UInt64()})
"""`position` is that of the n-gram's first word in its item."""

_NOTHING = pl.Schema({"row": pl.Int64(), "item": pl.Int64(), "overlap": pl.Float64()})


class Grams(NamedTuple):
    """`frame` of GRAMS; `sizes` says how many words of each item they cover."""

    frame: pl.DataFrame
    sizes: NDArray[np.int64]


class Items(NamedTuple):
    """A benchmark to search for: all that is needed of its items, and none of their text."""

    number: int
    alike: Grams  # n-grams with all numbers alike
    exact: Grams  # of items that differ from others in nothing but their numbers
    hashed: Ngrams  # how a record's n-grams get the same hashes


def items_of(questions: pl.Series, ngram: int, hashed: Ngrams = ngrams) -> Items:
    """The n-grams of each question that are its own."""
    alike, exact = _distinctive(numbers_alike(questions), ngram, hashed), _distinctive(questions, ngram, hashed)
    # Items that differ from others in nothing but their numbers are told apart by these.
    alone = np.flatnonzero(alike.sizes == 0)
    exact = exact._replace(frame=exact.frame.filter(pl.col("item").is_in(alone)))
    return Items(len(questions), alike, exact, hashed)


def sized(frame: pl.DataFrame, items: int, ngram: int) -> Grams:
    """`frame` (GRAMS) with the size of each of the `items`."""
    sizes = np.zeros(items, dtype=np.int64)
    covered = _covered(frame, ["item"], ngram)
    sizes[covered["item"].to_numpy()] = covered["words"].to_numpy()
    return Grams(frame, sizes)


def overlaps(texts: pl.Series, items: Items, ngram: int) -> pl.DataFrame:
    """row, item, size (words that count) and overlap, the share of them that the row holds, for every pair with one."""
    found = [_overlaps(numbers_alike(texts), items.alike, ngram, items.hashed)]
    if items.exact.frame.height:
        found.append(_overlaps(texts, items.exact, ngram, items.hashed))
    return pl.concat(found)


def numbers_alike(texts: pl.Series) -> pl.Series:
    """The texts with one number in the place of all."""
    return texts.str.replace_all(r"\p{Nd}+", "0")


def _distinctive(questions: pl.Series, ngram: int, hashed: Ngrams) -> Grams:
    grams = hashed(questions, ngram)
    item = np.repeat(np.arange(len(questions)), grams.counts)
    frame = pl.DataFrame(
        {"item": item, "position": np.arange(len(item)) - grams.offsets[item], "gram": grams.hashes}, schema=GRAMS
    )
    most = max(LEAST_ITEMS, int(len(questions) * MOST_ITEMS))
    return sized(frame.filter(pl.col("item").n_unique().over("gram") <= most), len(questions), ngram)


def _overlaps(texts: pl.Series, grams: Grams, ngram: int, hashed: Ngrams) -> pl.DataFrame:
    shingles = shingle(texts, ngram, hashed)
    rows = pl.DataFrame(
        {"row": np.repeat(np.arange(len(texts)), shingles.counts), "gram": shingles.hashes},
        schema={"row": pl.Int64, "gram": pl.UInt64},
    )
    shared = _covered(rows.join(grams.frame, on="gram"), ["row", "item"], ngram)
    sizes = pl.DataFrame(
        {"item": np.arange(len(grams.sizes)), "size": grams.sizes}, schema_overrides={"item": pl.Int64}
    )
    return typed(
        shared.join(sizes, on="item").select("row", "item", "size", overlap=pl.col("words") / pl.col("size")), _NOTHING
    )


def _covered(grams: pl.DataFrame, by: list[str], ngram: int) -> pl.DataFrame:
    """For each group of n-grams the `words` that lie in one at least."""
    following = pl.col("position").shift(-1).over(by)
    each = grams.sort(*by, "position").with_columns(
        words=(following - pl.col("position")).fill_null(ngram).clip(upper_bound=ngram)
    )
    return each.group_by(by).agg(pl.col("words").sum())
