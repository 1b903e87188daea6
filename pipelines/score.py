"""Stage: what each surviving record adds to the others, and how varied they are together."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from checks.diversity import verb_objects
from pipelines._cells import cells
from pipelines._histogram import histogram
from pipelines._searched import nearest_among
from pipelines._shingles import tokens

# The rule of thumb sqrt(n / 2), held to what a person can read in a report.
MOST_CELLS = 100
# Words that name a cell, and cells that are named.
TERMS = 6
# English words that say nothing of what a text is about, and the roles of a conversation.
_STOP_WORDS = """
    about above across after again against all almost alone along already also although always among and another any
    anyone anything are around because been before behind being below between both but can cannot could did does doing
    done down during each either else enough even ever every everyone everything few first for from further get give
    given go goes had has have having her here hers herself him himself his how however into its itself just last least
    less like made make many may might mine more most much must myself neither never next nobody none nor not nothing
    now off often once one only onto other others our ours ourselves out over own per perhaps please put rather same
    see seem several shall she should since some someone something sometimes still such than that the their theirs them
    themselves then there therefore these they this those though through thus together too toward towards two under
    until upon use used using very was well were what whatever when where whether which while who whoever whole whom
    whose why will with within without would yet you your yours yourself yourselves
    user assistant
""".split()  # noqa: SIM905


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
    mine = vectors[records["vector"].to_numpy()] if records.height else np.zeros((0, 1), dtype=np.float32)
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
    terms = _terms(records)
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


def _cells(records: pl.DataFrame, vectors: NDArray[np.float32], clusters: int | None, seed: int) -> NDArray[np.int64]:
    if records.is_empty():
        return np.zeros(0, dtype=np.int64)
    wanted = clusters or min(MOST_CELLS, max(1, round((records.height / 2) ** 0.5)))
    return cells(vectors, min(wanted, records["vector"].n_unique()), seed=seed)


def _terms(records: pl.DataFrame) -> dict[int, str]:
    """For each cluster the words that mark it: the share of its prompts that use a word, less the share of all."""
    words = records.select("cluster", word=tokens(records["prompt"]).list.unique()).explode("word").drop_nulls()
    words = words.filter(pl.col("word").str.len_chars() > 2, pl.col("word").str.contains(r"^\p{L}"))
    words = words.filter(~pl.col("word").is_in(_STOP_WORDS))
    sizes = records.group_by("cluster").agg(size=pl.len())
    everywhere = words.group_by("word").agg(overall=pl.len() / records.height)
    marked = (
        words.group_by("cluster", "word")
        .agg(used=pl.len())
        .join(sizes, on="cluster")
        .join(everywhere, on="word")
        .with_columns(weight=pl.col("used") / pl.col("size") - pl.col("overall"))
        .sort("cluster", "weight", "word", descending=[False, True, False])
    )
    named = marked.group_by("cluster", maintain_order=True).agg(pl.col("word").head(TERMS).str.join(", "))
    return dict(named.iter_rows())
