"""Nearest neighbours and cells of unit vectors. The only file that imports faiss.

Similarity is the cosine, in [0, 1] for what is reported: higher is closer. Vectors are float32 with
unit rows, so that the inner product is the cosine.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

# Queries at a time: the worst case (all alike) holds BLOCK x n results, 12 bytes each.
BLOCK = 256
# More neighbours than this are a template; components do not need them all.
MOST_NEIGHBOURS = 256
# Cosines are rounded here, so that the order of a sum never decides at a threshold.
DECIMALS = 5

Vectors = NDArray[np.float32]


class Pairs(NamedTuple):
    """`pairs` holds a < b (positions) and `similarity`, sorted; `capped` counts rows that had more."""

    pairs: pl.DataFrame
    capped: int


class Nearest(NamedTuple):
    """For each query, the closest other row: its similarity and position (-1 and NaN when there is none)."""

    similarity: NDArray[np.float64]
    position: NDArray[np.int64]


def similar_pairs(vectors: Vectors, *, min_similarity: float) -> Pairs:
    """Every pair with a cosine of at least `min_similarity`; of a row's neighbours the closest MOST_NEIGHBOURS."""
    index = _index(vectors)
    found = [pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64, "similarity": pl.Float64})]
    capped = 0
    for start in range(0, len(vectors), BLOCK):
        # Half a rounding step below, so that what rounds up to the threshold is found.
        limits, similarity, position = index.range_search(
            vectors[start : start + BLOCK], float(min_similarity) - 10**-DECIMALS
        )
        sizes = np.diff(limits.astype(np.int64))
        block = pl.DataFrame(
            {
                "a": np.repeat(np.arange(start, start + len(sizes)), sizes),
                "b": position.astype(np.int64),
                "similarity": similarity.astype(np.float64),
            }
        ).with_columns(pl.col("similarity").round(DECIMALS).clip(0, 1))
        block = block.filter((pl.col("a") != pl.col("b")) & (pl.col("similarity") >= min_similarity))
        capped += block.group_by("a").len().filter(pl.col("len") > MOST_NEIGHBOURS).height
        block = (
            block.sort("a", "similarity", "b", descending=[False, True, False])
            .group_by("a", maintain_order=True)
            .head(MOST_NEIGHBOURS)
        )
        found.append(
            block.select(a=pl.min_horizontal("a", "b"), b=pl.max_horizontal("a", "b"), similarity="similarity")
        )
    return Pairs(pl.concat(found).unique(["a", "b"], keep="first", maintain_order=True).sort("a", "b"), capped)


def nearest(queries: Vectors, base: Vectors, *, same: bool) -> Nearest:
    """The closest row of `base` to each query; with `same` the two are one set and no row finds itself."""
    wanted = 2 if same else 1
    if len(queries) == 0 or len(base) < wanted:
        return Nearest(np.full(len(queries), np.nan), np.full(len(queries), -1, dtype=np.int64))
    similarity, position = _index(base).search(queries, wanted)
    # A row's twin may be listed before itself; whichever of the two is not itself is the neighbour.
    itself = same & (position[:, 0] == np.arange(len(queries)))
    column = np.where(itself, 1, 0)
    rows = np.arange(len(queries))
    chosen = np.clip(np.round(similarity[rows, column].astype(np.float64), DECIMALS), 0, 1)
    return Nearest(chosen, position[rows, column].astype(np.int64))


def cells(vectors: Vectors, count: int, *, seed: int) -> NDArray[np.int64]:
    """The k-means cell of each row, in 0..count-1, largest cell first."""
    import faiss

    kmeans = faiss.Kmeans(
        vectors.shape[1], count, niter=20, seed=seed, spherical=True, min_points_per_centroid=1, verbose=False
    )
    kmeans.train(vectors)
    position = kmeans.index.search(vectors, 1)[1].ravel().astype(np.int64)
    order = np.lexsort((np.arange(count), -np.bincount(position, minlength=count)))
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    return rank[position]


def _index(vectors: Vectors) -> Any:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1] if len(vectors) else 1)
    if len(vectors):
        index.add(np.ascontiguousarray(vectors))
    return index
