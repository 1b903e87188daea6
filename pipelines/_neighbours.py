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
# Up to here every pair is computed. Above, an inverted file of k-means cells is several times cheaper:
# at 49,000 x 384 it took 14 CPU-s where the flat index took 138 and numpy 38 (docs/decisions/0003).
EXACT_UP_TO = 10_000
# Cells looked into for each query. Pairs this close share a cell or lie in neighbouring ones: on 52k
# real prompts 8 of 256 cells found 0.999 of the pairs at 0.9 and above.
PROBES = 16
# Queries that are also searched exactly, to measure what the cells miss.
SAMPLE = 500
# Cosines are rounded here, so that the order of a sum never decides at a threshold.
DECIMALS = 5

Vectors = NDArray[np.float32]


class Pairs(NamedTuple):
    """`pairs` holds a < b (positions) and `similarity`, sorted; `capped` counts rows that had more.

    `recall` is the share of the true pairs of SAMPLE rows that was found; 1.0 where all were computed.
    """

    pairs: pl.DataFrame
    capped: int
    recall: float


class Nearest(NamedTuple):
    """For each query, the closest other row: its similarity and position (NaN and -1 when there is none)."""

    similarity: NDArray[np.float64]
    position: NDArray[np.int64]


def similar_pairs(vectors: Vectors, *, min_similarity: float) -> Pairs:
    """Every pair with a cosine of at least `min_similarity`; of a row's neighbours the closest MOST_NEIGHBOURS."""
    index = _index(vectors)
    found = [pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64, "similarity": pl.Float64})]
    capped = 0
    for start in range(0, len(vectors), BLOCK):
        block = _neighbours_of(index, vectors, start, min_similarity)
        capped += block.group_by("a").len().filter(pl.col("len") > MOST_NEIGHBOURS).height
        closest = block.sort("a", "similarity", "b", descending=[False, True, False]).group_by("a", maintain_order=True)
        found.append(closest.head(MOST_NEIGHBOURS).select(_LOW, _HIGH, "similarity"))
    pairs = pl.concat(found).unique(["a", "b"], keep="first", maintain_order=True).sort("a", "b")
    return Pairs(pairs, capped, _recall(vectors, pairs, min_similarity))


_LOW, _HIGH = pl.min_horizontal("a", "b").alias("a"), pl.max_horizontal("a", "b").alias("b")


def _neighbours_of(index: Any, vectors: Vectors, start: int, min_similarity: float) -> pl.DataFrame:
    """a (the query), b and similarity of everything close to the BLOCK of rows from `start`."""
    # A rounding step below, so that what rounds up to the threshold is found.
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
    return block.filter((pl.col("a") != pl.col("b")) & (pl.col("similarity") >= min_similarity))


def _recall(vectors: Vectors, pairs: pl.DataFrame, min_similarity: float) -> float:
    """Of the pairs that evenly spaced rows truly have, the share that is in `pairs`."""
    if len(vectors) <= EXACT_UP_TO:
        return 1.0
    rows = np.linspace(0, len(vectors) - 1, SAMPLE).astype(np.int64)
    query, other = np.nonzero(vectors[rows] @ vectors.T >= min_similarity)
    true = pl.DataFrame({"a": rows[query], "b": other.astype(np.int64)}).filter(pl.col("a") != pl.col("b"))
    true = true.select(_LOW, _HIGH).unique()
    return true.join(pairs, on=["a", "b"], how="semi").height / true.height if true.height else 1.0


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
    found = position[rows, column].astype(np.int64)
    return Nearest(np.where(found < 0, np.nan, chosen), found)


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
    """Flat (exact) for few vectors, an inverted file for many."""
    import faiss

    index: Any
    if len(vectors) <= EXACT_UP_TO:
        index = faiss.IndexFlatIP(vectors.shape[1] if len(vectors) else 1)
    else:
        # faiss' own advice for the number of cells at this size: a few times the square root.
        index = faiss.index_factory(
            vectors.shape[1], f"IVF{round(2 * len(vectors) ** 0.5)},Flat", faiss.METRIC_INNER_PRODUCT
        )
        index.train(vectors)
        index.nprobe = PROBES
    if len(vectors):
        index.add(np.ascontiguousarray(vectors))
    return index
