"""Pairs of texts that share most of their n-grams: MinHash proposes, the true Jaccard index decides."""

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._minhash import band_keys, bands_for, no_key
from pipelines._shingles import Shingles, shingle, slices
from pipelines._texts import Texts

# A bucket this large is a template: its rows are compared with their next neighbours only.
BUCKET = 2_000
NEIGHBOURS = 64
# N-grams of pairs whose intersections are counted at a time; bounds memory at about 200 MB.
CHUNK = 5_000_000
# Pairs whose texts are cut into n-grams at a time, so that memory does not grow with them.
PART = 2**15

PAIRS = pl.Schema({"a": pl.Int64(), "b": pl.Int64(), "similarity": pl.Float64()})
"""Positions a < b, each pair once, sorted."""


def near_pairs(texts: Texts, *, ngram: int, min_jaccard: float, seed: int, cache: str | None = None) -> pl.DataFrame:
    """All pairs whose `ngram`-grams have a Jaccard index of at least `min_jaccard`, with that index (schema PAIRS).

    The MinHash estimate only proposes; no similarity in the result is estimated. Texts without n-grams, or null,
    pair with nothing. Pairs are missed with a probability below 1 - RECALL at the threshold. With `cache` what
    MinHash works out of a text is kept there, and found by the next call. Texts are held a part at a time, but for
    those of pairs that are proposed.
    """
    bands = bands_for(min_jaccard)
    keys = band_keys(texts, bands, ngram=ngram, seed=seed, cache=cache)
    pairs = _candidates(keys, no_key(bands))
    similarity = similarities(texts, pairs["a"].to_numpy(), pairs["b"].to_numpy(), ngram=ngram)
    return pairs.with_columns(similarity=similarity).filter(pl.col("similarity") >= min_jaccard)


def similarities(texts: Texts, a: NDArray[np.int64], b: NDArray[np.int64], *, ngram: int) -> pl.Series:
    """The Jaccard index of the texts `a[i]` and `b[i]`; only they are cut into n-grams. 0.0 where both have none."""
    rows, ends = np.unique(np.concatenate([a, b]), return_inverse=True)
    said = texts.gather(rows)
    found = np.zeros(len(a))
    for start in range(0, len(a), PART):
        part = slice(start, start + PART)
        some, places = np.unique(np.stack([ends[: len(a)][part], ends[len(a) :][part]]), return_inverse=True)
        found[part] = jaccard(shingle(said.gather(some), ngram), *places.reshape(2, -1))
    return pl.Series("similarity", found, dtype=pl.Float64)


def jaccard(shingles: Shingles, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """The Jaccard index of the rows `a[i]` and `b[i]`; 0.0 where both are empty."""
    codes = np.unique(shingles.hashes, return_inverse=True)[1].astype(np.uint64)
    counts = shingles.counts
    result = np.zeros(len(a))
    for chunk in slices(counts[a] + counts[b], CHUNK):
        left, right = a[chunk], b[chunk]
        shared = _shared(codes, shingles, left, right)
        union = counts[left] + counts[right] - shared
        result[chunk] = np.divide(shared, union, out=np.zeros(len(left)), where=union > 0)
    return result


def _shared(
    codes: NDArray[np.uint64], shingles: Shingles, a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many n-grams each pair of rows has in common: what stands twice among the n-grams of both."""
    ends = np.concatenate([a, b])
    sizes = shingles.counts[ends]
    places = np.arange(sizes.sum()) + np.repeat(shingles.offsets[ends] - (np.cumsum(sizes) - sizes), sizes)
    pair = np.tile(np.arange(len(a), dtype=np.uint64) << np.uint64(32), 2)
    grams = np.repeat(pair, sizes) | codes[places]
    grams.sort()
    return np.bincount(grams[1:][grams[1:] == grams[:-1]] >> np.uint64(32), minlength=len(a))


def _candidates(keys: NDArray[np.uint64], nothing: np.uint64) -> pl.DataFrame:
    """Pairs that share a band, each once; sharing `nothing` does not count."""
    shared = (buckets(band, nothing) for band in keys)
    return each_once(bucket_pairs(each) for each in shared if each.height)


def each_once(found: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Pairs (a, b) of several bands, sorted."""
    return pl.concat([pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64}), *found]).unique().sort("a", "b")


def buckets(band: NDArray[np.uint64], nothing: np.uint64) -> pl.DataFrame:
    """`code` and `a` (a place in `band`) of all whose key another has too, sorted."""
    order = np.argsort(band)
    keys = band[order]
    same = (keys[1:] == keys[:-1]) & (keys[1:] != nothing)
    shared = np.flatnonzero(np.concatenate(([False], same)) | np.concatenate((same, [False])))
    return pl.DataFrame({"code": keys[shared], "a": order[shared]}, schema_overrides={"a": pl.Int64}).sort("code", "a")


def bucket_pairs(shared: pl.DataFrame) -> pl.DataFrame:
    """Pairs of those in one bucket of one band; of a bucket that is a template, of neighbours only."""
    sized = shared.with_columns(size=pl.len().over("code"))
    small = sized.filter(pl.col("size") <= BUCKET)
    pairs = small.join(small.select("code", b="a"), on="code").filter(pl.col("a") < pl.col("b")).select("a", "b")
    large = sized.filter(pl.col("size") > BUCKET)
    if large.is_empty():
        return pairs
    steps = [
        large.select("a", b=pl.col("a").shift(-step).over("code")).drop_nulls() for step in range(1, NEIGHBOURS + 1)
    ]
    return pl.concat([pairs, *steps])
