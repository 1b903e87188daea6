"""Stage: records that contain an item of a benchmark leave the data; what reads like one goes to people.

An item's question is found by the words that lie in its n-grams: a record is contaminated when the n-grams it holds
cover at least `min_overlap` of them. So half an item counts as half, and one with words left out by what stands.
Numbers are all alike, for a benchmark's sum with other numbers is still its sum. N-grams that many items share are the
benchmark's boilerplate and do not count. Thresholds: docs/decisions/0010-contamination.md.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._shingles import ngrams, shingle
from schemas.errors import BenchmarkError
from schemas.outcome import VERDICT_SCHEMA, Fate, Outcome
from schemas.record import typed

# An n-gram in more of a benchmark's items than this is its boilerplate ("how many ... does she have").
MOST_ITEMS = 0.02
# ... but in a small benchmark two items that share a phrase are no boilerplate.
LEAST_ITEMS = 3
# Of an item with fewer words of its own every one has to be there: half of "Tell me a joke about cats" is anybody's.
FEW_WORDS = 8

_NOTHING = pl.Schema({"row": pl.Int64(), "item": pl.Int64(), "overlap": pl.Float64()})


class _Grams(NamedTuple):
    """`frame` has item, position (of the first word) and gram; `sizes` how many words of each item they cover."""

    frame: pl.DataFrame
    sizes: NDArray[np.int64]


def decontaminate(
    records: pl.DataFrame, benchmarks: Mapping[str, pl.DataFrame], *, ngram: int, min_overlap: float
) -> Outcome:
    """Drop records that hold `min_overlap` or more of the words in a benchmark item's n-grams.

    `benchmarks` maps a name to its items as records. Questions of fewer than FEW_WORDS are found
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
    questions = items["prompt"]
    text = pl.concat_str("prompt", "completion", separator="\n", ignore_nulls=True)
    texts = records.select(text=text)["text"]
    alike, exact = _distinctive(_numbers_alike(questions), ngram), _distinctive(questions, ngram)
    # Items that differ from others in nothing but their numbers are told apart by these.
    alone = np.flatnonzero(alike.sizes == 0)
    exact = exact._replace(frame=exact.frame.filter(pl.col("item").is_in(alone)))
    if not alike.frame.height + exact.frame.height:
        raise BenchmarkError(f"{name}: has no question to compare with; check that it is the benchmark you mean")
    found = [_overlaps(_numbers_alike(texts), alike, ngram)]
    if exact.frame.height:
        found.append(_overlaps(texts, exact, ngram))
    hits = pl.concat(found)
    least = pl.when(pl.col("size") < FEW_WORDS).then(1.0).otherwise(min_overlap)
    best = (
        hits.filter(pl.col("overlap") >= least)
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
    grams = ngrams(questions, ngram)
    item = np.repeat(np.arange(len(questions)), grams.counts)
    frame = pl.DataFrame(
        {"item": item, "position": np.arange(len(item)) - grams.offsets[item], "gram": grams.hashes},
        schema={"item": pl.Int64, "position": pl.Int64, "gram": pl.UInt64},
    )
    most = max(LEAST_ITEMS, int(len(questions) * MOST_ITEMS))
    own = frame.filter(pl.col("item").n_unique().over("gram") <= most)
    sizes = np.zeros(len(questions), dtype=np.int64)
    covered = _covered(own, ["item"], ngram)
    sizes[covered["item"].to_numpy()] = covered["words"].to_numpy()
    return _Grams(own, sizes)


def _overlaps(texts: pl.Series, grams: _Grams, ngram: int) -> pl.DataFrame:
    """row, item, size (words that count) and overlap, the share of them that the row holds, for every pair with one."""
    shingles = shingle(texts, ngram)
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


def _numbers_alike(texts: pl.Series) -> pl.Series:
    return texts.str.replace_all(r"\p{Nd}+", "0")
