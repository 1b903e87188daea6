"""Pairs of texts that share most of their n-grams, found by others: the pairs of `near_pairs`, and no others.

Each shard of texts is signed where it is read; the keys of a band go to the owners of the band, which propose pairs
of equal keys; and the true Jaccard index decides, for some pairs at a time, on no more texts than those.
"""

from itertools import accumulate
from typing import NamedTuple

import numpy as np
import polars as pl

from pipelines._minhash import Bands, band_keys, bands_for, no_key
from pipelines._near import PAIRS, bucket_pairs, buckets, each_once, similarities
from pipelines._runner import Sharing
from pipelines._slices import Shard, array_of, leave, leave_array
from pipelines._texts import Texts

# Keys of a band that one owner holds: 128 MB, and as much again to sort them.
OWNED = 2**24
# Pairs that are decided at a time: twice as many texts at most.
DECIDED = 2**16


class Signing(NamedTuple):
    """Texts (a Parquet file with one column) whose keys are wanted."""

    texts: str
    folder: str
    bands: Bands
    ngram: int
    seed: int


class Owning(NamedTuple):
    """A band, or the share `part` of `parts` of its keys: the keys of each shard of texts, in their order."""

    keys: tuple[str, ...]
    folder: str
    band: int
    part: int
    parts: int
    nothing: int


class Fetching(NamedTuple):
    """Rows of a shard of texts whose first row is `start`: those among `rows` (a file) are wanted."""

    texts: str
    folder: str
    start: int
    rows: str


class Deciding(NamedTuple):
    """Pairs `first` up to `last` of those in a file, and the texts of all rows that occur in it."""

    pairs: str
    first: int
    last: int
    texts: tuple[str, ...]
    folder: str
    ngram: int
    min_jaccard: float


def shared_near_pairs(texts: Texts, *, ngram: int, min_jaccard: float, seed: int, sharing: Sharing) -> pl.DataFrame:
    """See `near_pairs`."""
    runner, folder = sharing.runner, str(sharing.folder)
    bands = bands_for(min_jaccard)
    shards = [leave(part.to_frame("text"), folder) for part in texts.parts()]
    starts = accumulate((shard.rows for shard in shards), initial=0)
    keys = list(runner.map(sign, (Signing(shard.path, folder, bands, ngram, seed) for shard in shards)))
    parts = -(-len(texts) // OWNED)
    made = tuple(shard.path for shard in keys)
    owners = (
        Owning(made, folder, band, part, parts, int(no_key(bands)))
        for band in range(bands.bands)
        for part in range(parts)
    )
    pairs = each_once(pl.read_parquet(shard.path) for shard in runner.map(propose, owners))
    proposed = leave(pairs, folder)
    rows = leave_array(np.unique(pairs.to_numpy()), folder)
    wanted = (Fetching(shard.path, folder, start, rows.path) for shard, start in zip(shards, starts, strict=False))
    found = tuple(shard.path for shard in runner.map(fetch, wanted))
    some = (
        Deciding(proposed.path, first, first + DECIDED, found, folder, ngram, min_jaccard)
        for first in range(0, pairs.height, DECIDED)
    )
    return pl.concat([pl.DataFrame(schema=PAIRS), *(pl.read_parquet(shard.path) for shard in runner.map(judge, some))])


def sign(work: Signing) -> Shard:
    """The key of each band (a row) of each text (a column)."""
    texts = pl.read_parquet(work.texts)["text"]
    return leave_array(band_keys(Texts.held(texts), work.bands, ngram=work.ngram, seed=work.seed), work.folder)


def propose(work: Owning) -> Shard:
    """Pairs of positions that share a key of the band."""
    width = np.uint64(2**64 // work.parts) if work.parts > 1 else None
    mine, places, start = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)], 0
    for path in work.keys:
        band = array_of(path)[work.band]
        here = np.arange(len(band)) if width is None else np.flatnonzero(band // width == work.part)
        mine.append(band[here])
        places.append(here + start)
        start += len(band)
    at = pl.Series(np.concatenate(places))
    shared = buckets(np.concatenate(mine), np.uint64(work.nothing)).with_columns(
        pl.col("a").map_batches(lambda places: at.gather(places), return_dtype=pl.Int64)
    )
    return leave(each_once([bucket_pairs(shared)]), work.folder)


def fetch(work: Fetching) -> Shard:
    """`row` and `text` of those rows of a shard that some pair has."""
    texts = pl.read_parquet(work.texts)["text"]
    rows = array_of(work.rows)
    low, high = np.searchsorted(rows, [work.start, work.start + len(texts)])
    mine = pl.Series("row", rows[low:high], dtype=pl.Int64)
    return leave(pl.DataFrame({"row": mine, "text": texts.gather(mine - work.start)}), work.folder)


def judge(work: Deciding) -> Shard:
    """The pairs whose Jaccard index is high enough, with it."""
    pairs = pl.scan_parquet(work.pairs).slice(work.first, work.last - work.first).collect()
    rows = pl.Series("row", np.unique(pairs.to_numpy()), dtype=pl.Int64)
    texts = pl.scan_parquet(list(work.texts)).filter(pl.col("row").is_in(rows.implode())).sort("row").collect()
    a, b = (rows.search_sorted(pairs[end]).cast(pl.Int64).to_numpy() for end in ("a", "b"))
    found = pairs.with_columns(similarity=similarities(Texts.held(texts["text"]), a, b, ngram=work.ngram))
    return leave(found.filter(pl.col("similarity") >= work.min_jaccard), work.folder)
