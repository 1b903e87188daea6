"""Quality, difficulty and spread at once: facility location in which a better record serves its neighbours better."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.selecting.facility_location import lazily, served
from pipelines.selecting.pool import Places, Pool
from pipelines.selecting.ranking import DIFFICULTY, NO_HELP


def best_and_closest_to_all(pool: Pool) -> Places:
    """Greedy for the sum, over all records, of similarity times weight of the chosen one that serves it best.

    Quality and facility location as in QDIT (Bukharin et al. 2023, arXiv:2311.14736), multiplied as DEITA (Liu et al.
    2024, arXiv:2312.15685) multiplies quality and complexity: a sum would need another weight for each size.
    """
    weight = weights(pool.records)
    return lazily(pool, served(pool.vectors, weight), weight)


def weights(records: pl.DataFrame) -> NDArray[np.float64]:
    """The geometric mean of two shares in [0, 1]: of records that each is at least as good as, and at least as hard as.

    Where difficulty was not measured all are as hard as any (1), so that records of the best tenth serve 1.4 times as
    well as those in the middle. What could not be scored in one has the share of the other; in both, 0. A prompt that
    does not help to its answer is not hard but useless: 0.
    """
    logs = pl.DataFrame({"quality": _share(records["quality"]).log()})
    if DIFFICULTY not in records.columns or records[DIFFICULTY].null_count() == records.height:
        mean = pl.col("quality") / 2
    else:
        hard = _share(records.select(pl.when(pl.col(DIFFICULTY) < NO_HELP).then(DIFFICULTY)).to_series())
        useless = records[DIFFICULTY] >= NO_HELP
        logs = logs.with_columns(hard=pl.when(useless).then(0.0).otherwise(hard).log())
        mean = pl.mean_horizontal("quality", "hard")
    # log 0 is minus infinity, and so is a mean with it: its exponential is 0 again.
    found: NDArray[np.float64] = logs.select(mean.exp().fill_null(0.0)).to_series().to_numpy().astype(np.float64)
    return found


def _share(scores: pl.Series) -> pl.Series:
    return scores.rank("max") / max(1, scores.len() - scores.null_count())
