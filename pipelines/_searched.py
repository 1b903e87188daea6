"""Pairs and nearest neighbours among vectors most of which were searched before: only what is new is searched for.

Both are exact and depend on the vectors alone, so a vector's own digest names it, and the result is that of
a search of everything.
"""

from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines import _best, _bounds, _closest, _direct, _neighbours, _tiles
from pipelines._best import best_of
from pipelines._bounds import Vectors, cosine_of
from pipelines._direct import is_few
from pipelines._neighbours import EXACT_UP_TO, Pairs, most_neighbours, nearest, pairs_of, similar_pairs
from pipelines._runner import Sharing
from pipelines._tally import count
from pipelines._tiles import UNITS, in_units
from pipelines.cache import snapshots
from pipelines.cache.keys import made_by, source_digest

PAIRS, NEAREST = "pairs", "nearest"
"""Kinds of things in the cache."""

# Fewer are searched in less time than it takes to look for what is known of them.
_WORTH = 5_000


def pairs_among(vectors: Vectors, *, min_similarity: float, cache: str | None, sharing: Sharing | None = None) -> Pairs:
    """See `similar_pairs`; what is known from an earlier search is taken from `cache`."""
    if cache is None or not _WORTH <= len(vectors) <= EXACT_UP_TO:
        count("compared", len(vectors), len(vectors))
        return similar_pairs(vectors, min_similarity=min_similarity, sharing=sharing)
    members, maker = _members(vectors), _maker(f"{min_similarity:.6f}")
    before = snapshots.latest(cache, PAIRS, maker, members)
    found = None if before is None else _completed(before, vectors, min_similarity)
    count("compared", len(vectors), len(vectors) if before is None or found is None else int((~before.known).sum()))
    if found is None:
        found = similar_pairs(vectors, min_similarity=min_similarity)
    # A row that has more neighbours than are kept would lack some when others are gone.
    if not found.capped and not _unchanged(before):
        snapshots.keep(cache, PAIRS, maker, members, found.pairs)
    return found


def nearest_among(vectors: Vectors, *, cache: str | None) -> NDArray[np.float64]:
    """The similarity of each row to its nearest other, NaN where there is none; see `nearest`."""
    if cache is None or not _WORTH <= len(vectors) <= EXACT_UP_TO:
        count("neighbours", len(vectors), len(vectors))
        return nearest(vectors).similarity
    members, maker = _members(vectors), _maker()
    before = snapshots.latest(cache, NEAREST, maker, members)
    if before is None:
        count("neighbours", len(vectors), len(vectors))
        found = nearest(vectors)
        units, position = np.rint(found.similarity * UNITS).astype(np.int64), found.position
    else:
        units, position = _caught_up(before, vectors)
    if not _unchanged(before):
        kept = pl.DataFrame({"units": units, "nearest": position})
        snapshots.keep(cache, NEAREST, maker, members, kept)
    similarity: NDArray[np.float64] = units / UNITS
    return similarity


def _completed(before: snapshots.Snapshot, vectors: Vectors, min_similarity: float) -> Pairs | None:
    """Pairs known, and those with a row that is new; null where many are new, or some row has more than are kept."""
    new = np.flatnonzero(~before.known)
    if not is_few(len(new), len(vectors)):
        return None
    old = before.found.with_columns(pl.Series(name, before.now[before.found[name]]) for name in ("a", "b"))
    both = [old.filter(pl.col("a") >= 0, pl.col("b") >= 0)]
    fresh = pairs_of(vectors, new, min_similarity=min_similarity)
    pairs = pl.concat([*both, fresh.pairs]).select(
        a=pl.min_horizontal("a", "b"), b=pl.max_horizontal("a", "b"), similarity="similarity"
    )
    each = np.bincount(np.concatenate([pairs["a"], pairs["b"]]), minlength=1)
    if fresh.capped or each.max() > most_neighbours(len(vectors)):
        return None
    known = len(vectors) - len(new)
    return Pairs(pairs.sort("a", "b"), 0, 1.0, f"exact, {known:,} of {len(vectors):,} rows known from before")


def _caught_up(before: snapshots.Snapshot, vectors: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Units and position of each row's nearest: the known one where it is still there, or a new row that is closer."""
    units, position = np.full(len(vectors), -1, dtype=np.int64), np.full(len(vectors), -1, dtype=np.int64)
    there = before.now >= 0
    was = before.found["nearest"].to_numpy()
    units[before.now[there]] = before.found["units"].to_numpy()[there]
    position[before.now[there]] = np.where(was[there] >= 0, before.now[was[there]], -1)
    anew, kept = np.flatnonzero(position < 0), np.flatnonzero(position >= 0)
    count("neighbours", len(vectors), len(anew))
    new = np.flatnonzero(~before.known)
    if len(anew):
        position[anew] = best_of(vectors[anew], vectors, itself=anew)
        units[anew] = in_units(cosine_of(vectors, anew, position[anew]))
    if len(new) and len(kept):
        closest = best_of(vectors[kept], vectors[new], least=units[kept] / UNITS)
        kept, closest = kept[closest >= 0], new[closest[closest >= 0]]
        theirs = in_units(cosine_of(vectors, kept, closest))
        closer = theirs > units[kept]
        units[kept[closer]], position[kept[closer]] = theirs[closer], closest[closer]
    return units, position


def _unchanged(before: snapshots.Snapshot | None) -> bool:
    return before is not None and bool(before.known.all()) and len(before.now) == len(before.known)


def _members(vectors: Vectors) -> pl.Series:
    """A name for each row: its digest, and the how manieth of its equals it is (any of them may stand for another)."""
    rows = np.ascontiguousarray(vectors[:])
    named = pl.DataFrame({"digest": [blake2b(row, digest_size=16).hexdigest() for row in rows]})
    return named.select(pl.col("digest") + "-" + pl.col("digest").cum_count().over("digest").cast(pl.String))["digest"]


def _maker(*settings: str) -> str:
    """The code that searches is its own version."""
    code = (Path(str(module.__file__)) for module in (_best, _bounds, _closest, _direct, _neighbours, _tiles))
    return made_by(source_digest(*code, __file__), *settings)
