"""Choosing by one number a record, whatever else is chosen: quality, difficulty, length; or by none, at random."""

import numpy as np
import polars as pl

from pipelines.selecting.pool import Places, Pool

DIFFICULTY = "ifd_perplexity_ratio"
"""The score by which Superfiltering chooses, which like Assay asks a small model."""

# A prompt that does not help to its answer, or misleads: both papers leave these out.
NO_HELP = 1.0


def by_quality(pool: Pool) -> Places:
    """Highest quality first; what could not be scored last."""
    return _ranked(pool, pl.col("quality"))


def by_difficulty(pool: Pool) -> Places:
    """The prompts that help least first, as long as they help; then those that do not, and what was not scored.

    Li et al. 2023 (arXiv:2308.12032) and 2024 (arXiv:2402.00530): the highest ratios below 1.
    """
    ratio = pl.col(DIFFICULTY)
    return _ranked(pool, pl.when(ratio < NO_HELP).then(ratio).otherwise(-ratio))


def by_length(pool: Pool) -> Places:
    """The longest completions (characters) first: Zhao et al. 2024 (arXiv:2402.04833), a strong simple baseline."""
    return _ranked(pool, pl.col("completion").str.len_chars().fill_null(0))


def at_random(pool: Pool) -> Places:
    """A draw by the pool's seed, the same for any order of the rows."""
    drawn = np.random.default_rng(pool.seed).permutation(pool.records.height - pool.called_for)
    return pool.taking(pool.called_for + drawn)


def _ranked(pool: Pool, number: pl.Expr) -> Places:
    """Descending, null last, ties by record_id."""
    rows = pool.others.select("position", "record_id", number=number)
    ordered = rows.sort("number", "record_id", descending=[True, False], nulls_last=True, maintain_order=True)
    return pool.taking(ordered["position"].to_numpy())
