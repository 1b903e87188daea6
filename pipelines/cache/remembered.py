"""Look up, work out what is missing, save it, and give all of it back in order."""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._tally import count
from pipelines.cache.files import KEY
from pipelines.cache.keys import places
from pipelines.cache.store import Store


def remembered(
    store: Store,
    keys: pl.Series,
    compute: Callable[[NDArray[np.int64]], pl.DataFrame],
    *,
    step: str | None = None,
    at_once: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    final: pl.Expr | None = None,
) -> pl.DataFrame:
    """The store's columns, without the key, for each of `keys` in their order.

    `compute` gets the positions in `keys` of what the store lacks, ascending, each key once, and returns a row of the
    store's columns for each, in that order; it is not called when nothing is missing. A null key is worked out and
    not kept. A computed row is kept and returned as it is, nulls in its columns and all; where `final` is given and
    does not hold, it is returned and not kept.

    With `at_once`, `compute` gets so many positions at most, and what it made of them is kept before it gets more:
    what an interrupted run has done need not be done again. `progress` is told (done, missing) before and after each.
    What was missing counts as new in this `step` of the run's tally.
    """
    known = store.load(keys)
    rows = keys.rename(KEY).to_frame().with_row_index("row")
    fresh = rows.join(known.select(KEY), on=KEY, how="anti", maintain_order="left")
    nameless = fresh.filter(pl.col(KEY).is_null())
    fresh = pl.concat([fresh.drop_nulls(KEY).unique(KEY, keep="first"), nameless]).sort("row")
    positions = fresh["row"].cast(pl.Int64).to_numpy()
    if step:
        count(step, len(keys), len(positions))
    if not len(positions):
        return known.drop(KEY)[places(known[KEY], keys)]
    tell = progress or (lambda done, missing: None)
    tell(0, len(positions))
    parts = []
    for start in range(0, len(positions), at_once or len(positions)):
        part = fresh[start : start + (at_once or len(positions))]
        made = _made(compute, part["row"].cast(pl.Int64).to_numpy(), known.drop(KEY))
        store.save(made.with_columns(part[KEY]).filter(pl.lit(True) if final is None else final))
        parts.append(made)
        tell(start + made.height, len(positions))
    return pl.concat([known.drop(KEY), *parts])[_where(known[KEY], keys, positions)]


def _made(
    compute: Callable[[NDArray[np.int64]], pl.DataFrame], positions: NDArray[np.int64], like: pl.DataFrame
) -> pl.DataFrame:
    """What `compute` makes of `positions`, in the columns of `like`."""
    made = compute(positions).select(like.columns)
    if made.height != len(positions):
        raise ValueError(f"{made.height} rows were computed for {len(positions)} keys; there must be one for each")
    return made.cast(like.schema)


def _where(known: pl.Series, keys: pl.Series, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of `keys` its row in what was known, followed by what was computed at `positions`."""
    rows = places(pl.concat([known, keys[positions].alias(KEY)]), keys)
    nameless = keys[positions].is_null().to_numpy()
    rows[positions[nameless]] = len(known) + np.flatnonzero(nameless)
    return rows
