"""Stage: records that contain an item of a benchmark leave the data.

An item's question is found by its word n-grams: a record is contaminated when it holds at least
`min_overlap` of them. N-grams that many items share are the benchmark's boilerplate and do not count.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._shingles import shingle
from schemas.errors import BenchmarkError
from schemas.outcome import VERDICT_SCHEMA, Fate, Outcome
from schemas.record import typed

# An n-gram in more of a benchmark's items than this is its boilerplate ("how many ... does she have").
MOST_ITEMS = 0.02
# ... but in a small benchmark two items that share a phrase are no boilerplate.
LEAST_ITEMS = 3

_NOTHING = pl.Schema({"row": pl.Int64(), "item": pl.Int64(), "overlap": pl.Float64()})


class _Grams(NamedTuple):
    """`frame` has item and gram; `sizes` the counted n-grams of each item."""

    frame: pl.DataFrame
    sizes: NDArray[np.int64]


def decontaminate(
    records: pl.DataFrame, benchmarks: Mapping[str, pl.DataFrame], *, ngram: int, min_overlap: float
) -> Outcome:
    """Drop records that hold `min_overlap` or more of a benchmark item's n-grams.

    `benchmarks` maps a name to its items as records. Questions shorter than `ngram` tokens are found
    only when a record holds them whole. Raises BenchmarkError for a benchmark without items, because
    "0 contaminated" against nothing would be a lie.
    """
    found = [_search(records, name, items, ngram, min_overlap) for name, items in benchmarks.items()]
    verdicts = pl.concat([pl.DataFrame(schema={"row_id": pl.Int64, **VERDICT_SCHEMA}), *found]).sort(
        "row_id", "similarity", descending=[False, True], maintain_order=True
    )
    first = verdicts.unique("row_id", keep="first", maintain_order=True)
    kept = records.join(first, on="row_id", how="anti", maintain_order="left")
    dropped = typed(records.join(first, on="row_id", how="inner", maintain_order="left"), VERDICT_SCHEMA)
    counts = dropped["reasons"].explode(empty_as_null=False).value_counts()
    figures = {
        "benchmarks": {name: items.height for name, items in benchmarks.items()},
        "removed": dropped.height,
        "by_benchmark": {
            name: int(counts.filter(pl.col("reasons") == _reason(name))["count"].sum()) for name in benchmarks
        },
    }
    return Outcome(kept, dropped, figures)


def _reason(benchmark: str) -> str:
    """`contamination.NAME`, the file's name without folders and endings."""
    return "contamination." + benchmark.rsplit("/", 1)[-1].split(".", 1)[0]


def _search(records: pl.DataFrame, name: str, items: pl.DataFrame, ngram: int, min_overlap: float) -> pl.DataFrame:
    grams = _distinctive(items["prompt"], ngram)
    if not grams.frame.height:
        raise BenchmarkError(f"{name}: has no question to compare with; check that it is the benchmark you mean")
    text = pl.concat_str("prompt", "completion", separator="\n", ignore_nulls=True)
    hits = _overlaps(records.select(text=text)["text"], grams, ngram)
    best = (
        hits.filter(pl.col("overlap") >= min_overlap)
        .sort("row", "overlap", "item", descending=[False, True, False])
        .unique("row", keep="first", maintain_order=True)
    )
    return best.select(
        row_id=records["row_id"].gather(best["row"]),
        outcome=pl.lit(Fate.CONTAMINATED.value),
        reasons=pl.lit([_reason(name)], dtype=pl.List(pl.String)),
        twin=pl.lit(None, dtype=pl.String),
        similarity=pl.col("overlap").round(5),
        detail=pl.format("holds item {} of {}", pl.col("item") + 1, pl.lit(name)),
    )


def _distinctive(questions: pl.Series, ngram: int) -> _Grams:
    """The n-grams of each item that are its own."""
    shingles = shingle(questions, ngram)
    frame = pl.DataFrame(
        {"item": np.repeat(np.arange(len(questions)), shingles.counts), "gram": shingles.hashes},
        schema={"item": pl.Int64, "gram": pl.UInt64},
    )
    most = max(LEAST_ITEMS, int(len(questions) * MOST_ITEMS))
    own = frame.filter(pl.len().over("gram") <= most)
    return _Grams(own, np.bincount(own["item"].to_numpy(), minlength=len(questions)))


def _overlaps(texts: pl.Series, grams: _Grams, ngram: int) -> pl.DataFrame:
    """row, item and the share of the item's n-grams that the row holds, for every pair that shares one."""
    shingles = shingle(texts, ngram)
    rows = pl.DataFrame(
        {"row": np.repeat(np.arange(len(texts)), shingles.counts), "gram": shingles.hashes},
        schema={"row": pl.Int64, "gram": pl.UInt64},
    )
    shared = rows.join(grams.frame, on="gram").group_by("row", "item").len()
    sizes = pl.DataFrame(
        {"item": np.arange(len(grams.sizes)), "size": grams.sizes}, schema_overrides={"item": pl.Int64}
    )
    return shared.join(sizes, on="item").select("row", "item", overlap=pl.col("len") / pl.col("size")).cast(_NOTHING)
