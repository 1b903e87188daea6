"""Pairs of prompts that are truly close: found by fast vectors, decided and reported by those in full precision."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._neighbours import Pairs, similar_pairs
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
    progress: Progress | None = None,
) -> Close:
    """Every pair of `prompts` (positions) whose cosine in full precision is at least `min_similarity`.

    Fast vectors are off by `margin` at most: whatever has a neighbour that much below the threshold is embedded
    again, and only the cosines of the second time count. Rows of `embedded.vectors` are overwritten by better ones.
    """
    proposed = similar_pairs(embedded.vectors, min_similarity=min_similarity - embedded.margin)
    if embedded.margin == 0:
        return Close(proposed, embedded.vectors, 0)
    rows = pl.concat([proposed.pairs["a"], proposed.pairs["b"]]).unique().sort()
    if rows.is_empty():
        return Close(proposed, embedded.vectors, 0)
    better = encoder.refine(prompts.gather(rows), progress=progress).vectors
    embedded.vectors[rows.to_numpy()] = better
    true = similar_pairs(better, min_similarity=min_similarity)
    # Positions among `rows`, which ascend, so the order of the pairs stays.
    pairs = true.pairs.with_columns(pl.Series(name, rows.gather(true.pairs[name])) for name in ("a", "b"))
    # Either search may miss what the other finds.
    near = true._replace(pairs=pairs, recall=min(true.recall, proposed.recall), method=proposed.method)
    return Close(near, embedded.vectors, len(rows))
