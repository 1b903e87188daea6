"""Pairs of prompts that are truly close: found by fast vectors, decided and reported by those in full precision."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._neighbours import Pairs, similar_pairs
from pipelines._runner import Sharing
from pipelines._searched import pairs_among
from pipelines.embedding.encoder import Embedded, Encoder, Progress


class Close(NamedTuple):
    """`near` are the pairs; `vectors` those of all prompts, of the `refined` ones in full precision."""

    near: Pairs
    vectors: NDArray[np.float32]
    refined: int


def close_prompts(
    prompts: pl.Series,
    embedded: Embedded,
    encoder: Encoder,
    *,
    min_similarity: float,
    decided_from: float | None = None,
    progress: Progress | None = None,
    cache: str | None = None,
    sharing: Sharing | None = None,
) -> Close:
    """Every pair of `prompts` (positions) with a cosine of at least `min_similarity`.

    From `decided_from` up (null: all of them) pairs are those of full precision, and so are their cosines: fast
    vectors are off by `margin` at most, so whatever has a neighbour that much below is embedded again, and only the
    second time counts. Pairs further apart, which decide nothing, keep the cosine of the fast vectors. Rows of
    `embedded.vectors` are overwritten by better ones. With `cache`, what was searched before is kept and found there.
    """
    decisive = min_similarity if decided_from is None else max(decided_from, min_similarity)
    proposed = pairs_among(
        embedded.vectors, min_similarity=min_similarity - embedded.margin, cache=cache, sharing=sharing
    )
    if embedded.margin == 0:
        return Close(proposed, embedded.vectors, 0)
    near = proposed.pairs.filter(pl.col("similarity") >= decisive - embedded.margin)
    rows = pl.concat([near["a"], near["b"]]).unique().sort()
    far = proposed.pairs.filter(pl.col("similarity") >= min_similarity, ~_both_in(rows))
    if rows.is_empty():
        return Close(proposed._replace(pairs=far), embedded.vectors, 0)
    better = encoder.refine(prompts.gather(rows), progress=progress).vectors
    embedded.vectors[rows.to_numpy()] = better
    true = similar_pairs(better, min_similarity=min_similarity, sharing=sharing)
    # Positions among `rows` become those among all.
    placed = true.pairs.with_columns(pl.Series(name, rows.gather(true.pairs[name])) for name in ("a", "b"))
    pairs = pl.concat([placed, far]).sort("a", "b")
    # Either search may miss what the other finds.
    found = true._replace(pairs=pairs, recall=min(true.recall, proposed.recall), method=proposed.method)
    return Close(found, embedded.vectors, len(rows))


def _both_in(rows: pl.Series) -> pl.Expr:
    return pl.col("a").is_in(rows.implode()) & pl.col("b").is_in(rows.implode())
