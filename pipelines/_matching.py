"""Rows of two ledgers brought together: by what they say first, then by where they stand.

A row that says the same is the same row wherever it went; it has moved, been put in another order, or been shifted by
rows that came or went above it. What is left over on both sides between the same neighbours is an edit.
"""

from bisect import bisect_left
from pathlib import PurePosixPath

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.record import ROW_KEY

SIDES = ("a", "b")


def matched(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Every row of both frames once: `a` and `b` are row numbers, one of them null for what was added or removed.

    Both need ROW_KEY, sorted by it, and `content` (never null; equal for rows that say the same). `how` is same,
    shifted, reordered, moved, edited, added or removed; `schemas.diff.Rows` says what these mean. Of rows of equal
    content those in the same place belong together, then those that come first.
    """
    left, right = before.select(*ROW_KEY, "content").with_row_index("a"), _placed(before, after).with_row_index("b")
    still = left.join(right, on=[*ROW_KEY, "content"], how="inner", nulls_equal=True).select("a", "b")
    found = [still, _by_content(_rest(left, still, "a"), _rest(right, still, "b"))]
    by_content = _how(pl.concat(found), left, right)
    edited = _by_place(left, right, by_content)
    pairs = pl.concat([by_content, edited])
    gone = _rest(left, pairs, "a").select("a", b=pl.lit(None, pl.UInt32), how=pl.lit("removed"))
    new = _rest(right, pairs, "b").select(pl.lit(None, pl.UInt32).alias("a"), "b", how=pl.lit("added"))
    return pl.concat([pairs, gone, new.select("a", "b", "how")]).sort("b", "a", nulls_last=True)


def _placed(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The rows after, their sources called as they were before: the same name, or the one file of that name."""
    return after.select(pl.col("source").replace(renamed(before["source"], after["source"])), *ROW_KEY[1:], "content")


def renamed(before: pl.Series, after: pl.Series) -> dict[str, str]:
    """What a source of the second release was called in the first, where it lay in another folder."""
    then, now = set(before.unique()), set(after.unique())
    old, new = _by_file_name(then - now), _by_file_name(now - then)
    return {new[name][0]: old[name][0] for name in new.keys() & old.keys() if len(new[name]) == len(old[name]) == 1}


def _by_file_name(sources: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source in sources:
        found.setdefault(PurePosixPath(source).name, []).append(source)
    return found


def _rest(rows: pl.DataFrame, pairs: pl.DataFrame, side: str) -> pl.DataFrame:
    return rows.join(pairs.select(side), on=side, how="anti", maintain_order="left")


def _by_content(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Pairs of rows of equal content: in the same source first, the first with the first and so on."""
    inside = _in_turn(left, right, ["source", "content"])
    across = _in_turn(_rest(left, inside, "a"), _rest(right, inside, "b"), ["content"])
    return pl.concat([inside, across])


def _in_turn(left: pl.DataFrame, right: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    a, b = (rows.with_columns(turn=pl.int_range(pl.len()).over(keys)) for rows in (left, right))
    return a.join(b, on=[*keys, "turn"], how="inner").select("a", "b")


def _how(pairs: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """`pairs` with `how` the rows that say the same lie to each other."""
    both = pairs.join(left, on="a").join(right, on="b", suffix="_b").sort("a")
    stays = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_b")) for name in ROW_KEY)
    inside = pl.col("source") == pl.col("source_b")
    return both.select(
        "a",
        "b",
        how=pl.when(stays)
        .then(pl.lit("same"))
        .when(~inside)
        .then(pl.lit("moved"))
        .when(_in_order(both))
        .then(pl.lit("shifted"))
        .otherwise(pl.lit("reordered")),
    )


def _in_order(both: pl.DataFrame) -> pl.Series:
    """Whether each row (sorted by a) belongs to the most rows of its source that kept their order."""
    kept = np.zeros(both.height, dtype=np.bool_)
    own = both.with_row_index("at").filter(pl.col("source") == pl.col("source_b"))
    for _, rows in own.group_by("source"):
        kept[rows["at"].to_numpy()[longest_rise(rows["b"].to_numpy())]] = True
    return pl.Series(kept)


def longest_rise(numbers: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Places of the longest strictly rising subsequence, found by patience sorting (Fredman 1975).

    >>> longest_rise(np.array([2, 0, 1, 5, 3, 4])).tolist()
    [1, 2, 4, 5]
    """
    if bool(np.all(numbers[1:] > numbers[:-1])):
        return np.arange(len(numbers))
    ends: list[int] = []  # the least number that ends a rise of each length
    at: list[int] = []  # and where it is
    before = np.full(len(numbers), -1, dtype=np.int64)
    for place, number in enumerate(numbers.tolist()):
        length = bisect_left(ends, number)
        before[place] = at[length - 1] if length else -1
        ends[length : length + 1] = [number]
        at[length : length + 1] = [place]
    chain = [at[-1]] if at else []
    while chain and before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return np.array(chain[::-1], dtype=np.int64)


def _by_place(left: pl.DataFrame, right: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Rows left over on both sides that stand equally far behind a row that kept its order, or the beginning."""
    anchors = known.filter(pl.col("how").is_in(["same", "shifted"]))
    to = anchors.join(right.select("b", row_b="source_row"), on="b").select("a", "row_b")
    offsets = (
        left.join(to, on="a", how="left", maintain_order="left")
        .with_columns(offset=(pl.col("row_b") - pl.col("source_row")).forward_fill().over("source").fill_null(0))
        .with_columns(source_row=pl.col("source_row") + pl.col("offset"))
    )
    moved = _rest(offsets.select("a", *ROW_KEY), known, "a")
    pairs = moved.join(_rest(right, known, "b"), on=ROW_KEY, how="inner", nulls_equal=True)
    # Where rows went, several may point to one place.
    once = pairs.unique("b", keep="first", maintain_order=True).unique("a", keep="first", maintain_order=True)
    return once.select("a", "b", how=pl.lit("edited"))
