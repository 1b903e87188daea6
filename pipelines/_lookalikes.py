"""Records whose prompt reads like a benchmark's item in other words: for people, as nearness alone proves nothing."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._best import best_of
from pipelines._bounds import cosine_of
from pipelines._tiles import UNITS, in_units
from pipelines.embedding.encoder import Encoder
from pipelines.embedding.tiers import MARGINS
from schemas.outcome import CONTAMINATION_SIMILAR


def with_lookalikes(
    records: pl.DataFrame,
    vectors: NDArray[np.float32],
    benchmarks: Mapping[str, pl.DataFrame],
    *,
    encoder: Encoder,
    min_similarity: float,
) -> pl.DataFrame:
    """Add a suspicion to records whose prompt has a cosine of `min_similarity` or more to an item's, in full precision.

    `records` needs `vector` (its row in `vectors`) and the suspicion columns of the dedup stage; what is there stays.
    """
    asked = pl.concat([items.select("prompt", name=pl.lit(name)) for name, items in benchmarks.items()])
    asked = asked.with_columns(item=pl.int_range(1, pl.len() + 1).over("name")).filter(pl.col("prompt") != "")
    prompts = records.select("vector", "prompt").unique("vector", keep="first", maintain_order=True)
    if prompts.is_empty() or asked.is_empty():
        return records
    items = encoder.refine(asked["prompt"]).vectors
    rows = prompts["vector"].to_numpy()
    closest = best_of(vectors[rows], items)
    near = _similarity(vectors[rows], items, closest) >= min_similarity - max(MARGINS.values())
    some, closest = prompts.filter(pl.Series(near)), closest[near]
    if some.is_empty():
        return records
    # Fast vectors are off by a margin at most; what is near the bar is decided by those in full precision.
    better = encoder.refine(some["prompt"]).vectors
    closest = best_of(better, items)
    found = some.select("vector", similar=pl.Series(_similarity(better, items, closest))).with_columns(
        said=asked.select(pl.format("reads like item {} of {}", "item", "name")).to_series().gather(closest)
    )
    return _suspected(records, found.filter(pl.col("similar") >= min_similarity))


def _suspected(records: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    both = records.join(found, on="vector", how="left", maintain_order="left")
    like = pl.col("said").is_not_null()
    reason = pl.concat_list(pl.col("suspicion").fill_null([]), pl.lit([CONTAMINATION_SIMILAR]))
    return both.with_columns(
        suspicion=pl.when(like).then(reason).otherwise("suspicion"),
        suspicion_similarity=pl.coalesce("suspicion_similarity", "similar"),
        suspicion_detail=pl.when(like & pl.col("suspicion_detail").is_not_null())
        .then(pl.concat_str("suspicion_detail", "said", separator="; "))
        .otherwise(pl.coalesce("suspicion_detail", "said")),
    ).drop("similar", "said")


def _similarity(
    vectors: NDArray[np.float32], items: NDArray[np.float32], closest: NDArray[np.int64]
) -> NDArray[np.float64]:
    similarity: NDArray[np.float64] = in_units(cosine_of(vectors, np.arange(len(vectors)), closest, items)) / UNITS
    return similarity
