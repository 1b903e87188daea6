"""Pairs of texts that share most of their n-grams: MinHash proposes, the true Jaccard index decides."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._shingles import Shingles

PERMUTATIONS = 128
# A pair exactly at the threshold is proposed with at least this probability.
RECALL = 0.995
# A bucket this large is a template: its rows are compared with their next neighbours only.
BUCKET = 2_000
NEIGHBOURS = 64
# Pairs whose intersections are counted at a time; bounds memory at about 200 MB.
CHUNK = 200_000

PAIRS = pl.Schema({"a": pl.Int64(), "b": pl.Int64(), "similarity": pl.Float64()})
"""Positions a < b, each pair once, sorted."""


class Bands(NamedTuple):
    bands: int
    rows: int


def near_pairs(shingles: Shingles, *, min_jaccard: float, seed: int) -> pl.DataFrame:
    """All pairs with a Jaccard index of at least `min_jaccard`, with that index (schema PAIRS).

    The MinHash estimate only proposes; no similarity in the result is estimated. Rows without
    n-grams pair with nothing. Pairs are missed with a probability below 1 - RECALL at the threshold.
    """
    candidates = _candidates(_signatures(shingles, seed), bands_for(min_jaccard))
    kept = [_verified(shingles, chunk, min_jaccard) for chunk in candidates.iter_slices(CHUNK)]
    return pl.concat([pl.DataFrame(schema=PAIRS), *kept]).sort("a", "b")


def bands_for(threshold: float) -> Bands:
    """The fewest, widest bands that reach RECALL at `threshold`.

    A pair at Jaccard s shares one of b bands of r rows with probability 1 - (1 - s^r)^b
    (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, section 3.4).

    >>> bands_for(0.8)
    Bands(bands=21, rows=6)
    """
    for rows in range(PERMUTATIONS, 1, -1):
        count = PERMUTATIONS // rows
        if 1 - (1 - threshold**rows) ** count >= RECALL:
            return Bands(count, rows)
    return Bands(PERMUTATIONS, 1)


def jaccard(shingles: Shingles, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """The Jaccard index of the rows `a[i]` and `b[i]`; 0.0 where both are empty."""
    from scipy.sparse import csr_matrix

    codes = np.unique(shingles.hashes, return_inverse=True)[1]
    shape = (len(shingles.offsets) - 1, int(codes.max(initial=-1)) + 1)
    matrix = csr_matrix((np.ones(len(codes), dtype=np.int32), codes, shingles.offsets), shape=shape)
    counts = shingles.counts
    result = np.zeros(len(a))
    for start in range(0, len(a), CHUNK):
        left, right = a[start : start + CHUNK], b[start : start + CHUNK]
        shared = np.asarray(matrix[left].multiply(matrix[right]).sum(axis=1)).ravel()
        union = counts[left] + counts[right] - shared
        result[start : start + CHUNK] = np.divide(shared, union, out=np.zeros(len(left)), where=union > 0)
    return result


def _signatures(shingles: Shingles, seed: int) -> NDArray[np.uint32]:
    from rensa import RMinHash

    offsets = shingles.offsets.astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(shingles.hashes, offsets, PERMUTATIONS, seed)
    rows = np.array(matrix.to_rows(), dtype=np.uint32).reshape(-1, PERMUTATIONS)
    # Rows without n-grams share a signature, and would all be proposed to each other.
    empty = np.flatnonzero(shingles.counts == 0)
    rows[empty] = np.arange(len(empty), dtype=np.uint32)[:, None]
    return rows


def _candidates(signatures: NDArray[np.uint32], bands: Bands) -> pl.DataFrame:
    """Pairs that share a band, each once."""
    found = [pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64})]
    for band in range(bands.bands):
        part = np.ascontiguousarray(signatures[:, band * bands.rows : (band + 1) * bands.rows])
        keys = part.view([("", part.dtype)] * bands.rows).ravel()
        codes = np.unique(keys, return_inverse=True)[1]
        found.append(_bucket_pairs(codes))
    return pl.concat(found).unique().sort("a", "b")


def _bucket_pairs(codes: NDArray[np.int64]) -> pl.DataFrame:
    frame = pl.DataFrame({"code": codes, "a": np.arange(len(codes), dtype=np.int64)})
    sized = frame.with_columns(size=pl.len().over("code")).filter(pl.col("size") > 1).sort("code", "a")
    small = sized.filter(pl.col("size") <= BUCKET)
    pairs = small.join(small.select("code", b="a"), on="code").filter(pl.col("a") < pl.col("b")).select("a", "b")
    large = sized.filter(pl.col("size") > BUCKET)
    if large.is_empty():
        return pairs
    steps = [
        large.select("a", b=pl.col("a").shift(-step).over("code")).drop_nulls() for step in range(1, NEIGHBOURS + 1)
    ]
    return pl.concat([pairs, *steps])


def _verified(shingles: Shingles, pairs: pl.DataFrame, min_jaccard: float) -> pl.DataFrame:
    similarity = jaccard(shingles, pairs["a"].to_numpy(), pairs["b"].to_numpy())
    return pairs.with_columns(similarity=pl.Series(similarity, dtype=pl.Float64)).filter(
        pl.col("similarity") >= min_jaccard
    )
