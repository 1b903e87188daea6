"""The methods of choosing a subset by name, and the one call that uses them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.selecting.facility_location import closest_to_all
from pipelines.selecting.far_apart import best_far_apart
from pipelines.selecting.k_center import farthest_first
from pipelines.selecting.mixed import best_and_closest_to_all
from pipelines.selecting.pool import Places, Pool, Vectors
from pipelines.selecting.ranking import DIFFICULTY, at_random, by_difficulty, by_length, by_quality
from schemas.errors import UsageError


class Method(NamedTuple):
    """`title` is what a report calls it; `needs` a column that not every run measures."""

    title: str
    choose: Callable[[Pool], Places]
    needs: str | None = None


METHODS: dict[str, Method] = {
    "quality": Method("quality alone", by_quality),
    "deita": Method("quality, then spread", best_far_apart),
    "k-center": Method("farthest first", farthest_first),
    "facility-location": Method("closest to all others", closest_to_all),
    "difficulty": Method("difficulty", by_difficulty, needs=DIFFICULTY),
    "mix": Method("quality and difficulty, close to all others", best_and_closest_to_all),
    "random": Method("random", at_random),
    "longest": Method("longest response", by_length),
}
"""By the name that `--select` takes."""


def choose(
    method: str, records: pl.DataFrame, vectors: Vectors, *, size: int, max_similarity: float, seed: int
) -> NDArray[np.int64]:
    """Positions of `size` of `records` (of all, where there are fewer), in the order in which `method` chooses them.

    The first so many of them are its choice for a smaller size. What people restored comes first, by any method.
    `records` has record_id, vector (the row of `vectors`, unit vectors), quality, completion and n_tokens, and where
    difficulty was measured its columns. The order of the records makes no difference; ties break by record_id.
    `max_similarity` is for `deita`, `seed` for `random`. Raises UsageError for a name that is no method's, and for one
    that needs what was not measured.
    """
    if method not in METHODS:
        raise UsageError(f"{method}: is no method of selection; choose one of {', '.join(METHODS)}")
    needed = METHODS[method].needs
    if needed and (needed not in records.columns or records[needed].null_count() == records.height > 0):
        raise unmeasured(method)
    pool = Pool.of(records, vectors, size=size, max_similarity=max_similarity, seed=seed)
    return pool.places[METHODS[method].choose(pool)]


def refuse_unmeasured(method: str, *, measured: bool) -> None:
    """Raise UsageError when `method` needs difficulty and the run does not measure it."""
    if METHODS[method].needs and not measured:
        raise unmeasured(method)


def unmeasured(method: str) -> UsageError:
    return UsageError(
        f"selection.method {method}: needs the difficulty of answers, which was not measured; add --difficulty "
        "(difficulty.measure: true), or choose another method"
    )
