"""Stage: what each surviving record adds to the others, and how varied they are together."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from checks.diversity import verb_objects
from pipelines._bounds import Chosen, Vectors
from pipelines._cells import cells
from pipelines._cluster_terms import cluster_terms
from pipelines._histogram import histogram
from pipelines._searched import nearest_among

# The rule of thumb sqrt(n / 2), held to what a person can read in a report.
MOST_CELLS = 100


class Scored(NamedTuple):
    """`records` with `cluster` (0 is the largest), `nearest_similarity` and `diversity` added."""

    records: pl.DataFrame
    figures: dict[str, Any]


def score(
    records: pl.DataFrame, vectors: NDArray[np.float32], *, clusters: int | None, seed: int, cache: str | None = None
) -> Scored:
    """Add diversity to the kept records.

    `vector` of a record is its row in `vectors`. `diversity` is the novelty: 1 less the cosine of the
    nearest other kept prompt, null when there is no other. Records of one prompt have novelty 0. With `cache`,
    neighbours that are known from before are found there.
    """
    mine = Chosen(vectors, records["vector"].to_numpy())
    neighbour = nearest_among(mine, cache=cache)
    cluster = _cells(records, mine, clusters, seed)
    scored = records.with_columns(
        cluster=pl.Series(cluster, dtype=pl.Int64),
        nearest_similarity=pl.Series(neighbour, dtype=pl.Float64).fill_nan(None),
    ).with_columns(diversity=(1 - pl.col("nearest_similarity")).round(5))
    return Scored(scored, diversity_figures(scored))


def diversity_figures(records: pl.DataFrame) -> dict[str, Any]:
    """What the report says of the kept records."""
    sizes = records["cluster"].value_counts().sort("count", "cluster", descending=[True, False])
    terms = cluster_terms(records)
    verbs = verb_objects(records["prompt"])
    mean = records["nearest_similarity"].mean()
    return {
        "embedded": records.height,
        "clusters": sizes.height or None,
        "cluster_sizes": sizes["count"].to_list(),
        "cluster_terms": [terms.get(cluster, "") for cluster in sizes["cluster"]],
        "nearest": histogram(records["nearest_similarity"], low=0, high=1, bins=20),
        "nearest_mean": mean,
        "verb_objects": verbs.pairs.head(30).to_dicts(),
        "verb_object_distinct": verbs.pairs.height,
        "verb_object_entropy": verbs.entropy,
    }


def _cells(records: pl.DataFrame, vectors: Vectors, clusters: int | None, seed: int) -> NDArray[np.int64]:
    if records.is_empty():
        return np.zeros(0, dtype=np.int64)
    wanted = clusters or min(MOST_CELLS, max(1, round((records.height / 2) ** 0.5)))
    return cells(vectors, min(wanted, records["vector"].n_unique()), seed=seed)
