"""Stage: records that contain an item of a benchmark leave the data; what reads like one goes to people.

An item's question is found by the words that lie in its n-grams: a record is contaminated when the n-grams it holds
cover at least `min_overlap` of them. So half an item counts as half, and one with words left out by what stands.
Numbers are all alike, for a benchmark's sum with other numbers is still its sum. N-grams that many items share are the
benchmark's boilerplate and do not count. Thresholds: docs/decisions/0010-contamination.md.
"""

from collections.abc import Mapping

import polars as pl

from pipelines._items import Items, items_of, overlaps
from pipelines._restored import ids_restored, overruling
from schemas.errors import BenchmarkError
from schemas.outcome import VERDICT_SCHEMA, Fate, Outcome
from schemas.record import typed

# Of an item with fewer words of its own every one has to be there: half of "Tell me a joke about cats" is anybody's.
FEW_WORDS = 8


def decontaminate(
    records: pl.DataFrame, benchmarks: Mapping[str, pl.DataFrame | Items], *, ngram: int, min_overlap: float
) -> Outcome:
    """Drop records that hold `min_overlap` or more of the words in a benchmark item's n-grams.

    `benchmarks` maps a name to its items as records, or as what an index has of them. Questions of fewer
    than FEW_WORDS are found only when a record holds them whole. What a person restored stays, and carries
    the reason. Raises BenchmarkError for a benchmark without items, because "0 contaminated" against nothing
    would be a lie.
    """
    found = [_search(records, name, items, ngram, min_overlap) for name, items in benchmarks.items()]
    verdicts = pl.concat([pl.DataFrame(schema={"row_id": pl.Int64, **VERDICT_SCHEMA}), *found]).sort(
        "row_id", "similarity", descending=[False, True], maintain_order=True
    )
    first = verdicts.unique("row_id", keep="first", maintain_order=True)
    restored = first.filter(pl.col("row_id").is_in(ids_restored(records).implode()))
    first = first.join(restored, on="row_id", how="anti", maintain_order="left")
    kept = records.join(first, on="row_id", how="anti", maintain_order="left")
    kept = overruling(kept, restored.select("row_id", reason=pl.col("reasons").list.first()))
    dropped = typed(records.join(first, on="row_id", how="inner", maintain_order="left"), VERDICT_SCHEMA)
    counts = dropped["reasons"].explode(empty_as_null=False).value_counts()
    figures = {
        "benchmarks": {
            name: items.number if isinstance(items, Items) else items.height for name, items in benchmarks.items()
        },
        "removed": dropped.height,
        "by_benchmark": {
            name: int(counts.filter(pl.col("reasons") == _reason(name))["count"].sum()) for name in benchmarks
        },
    }
    return Outcome(kept, dropped, figures)


def _reason(benchmark: str) -> str:
    """`contamination.NAME`, the file's name without folders and endings."""
    return "contamination." + benchmark.rsplit("/", 1)[-1].split(".", 1)[0]


def _search(
    records: pl.DataFrame, name: str, benchmark: pl.DataFrame | Items, ngram: int, min_overlap: float
) -> pl.DataFrame:
    text = pl.concat_str("prompt", "completion", separator="\n", ignore_nulls=True)
    texts = records.select(text=text)["text"]
    items = benchmark if isinstance(benchmark, Items) else items_of(benchmark["prompt"], ngram)
    if not items.alike.frame.height + items.exact.frame.height:
        raise BenchmarkError(f"{name}: has no question to compare with; check that it is the benchmark you mean")
    hits = overlaps(texts, items, ngram)
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
