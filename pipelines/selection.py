"""Stage: a subset of a given size by a method of choice, beside simple baselines of equal size and of equal tokens."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from checks.diversity import vendi_score
from pipelines._neighbours import nearest
from pipelines.selecting.methods import METHODS, choose
from pipelines.selecting.pool import Places, Vectors
from pipelines.selecting.ranking import DIFFICULTY
from pipelines.selecting.tokens import spending, within
from schemas.outcome import VERDICT_SCHEMA, Fate, Outcome
from schemas.record import typed

REASON = "selection.not_chosen"

BASELINES = ("random", "longest")
"""Methods that every choice stands beside: what beats neither is worth nothing."""


def select(
    records: pl.DataFrame,
    vectors: Vectors,
    *,
    method: str,
    target_size: int | None,
    target_tokens: int | None = None,
    max_similarity: float,
    seed: int,
) -> Outcome:
    """Keep the `target_size` records that `method` chooses, or those that `target_tokens` pay for.

    `pipelines.selecting.methods` has the methods. With a target at or above what there is, all are kept. What people
    restored is taken before all others. Raises UsageError for a method that needs what was not measured.
    """

    def chosen_by(name: str, size: int) -> Places:
        return choose(name, records, vectors, size=size, max_similarity=max_similarity, seed=seed)

    tokens = records["n_tokens"].fill_null(0).to_numpy().astype(np.int64)
    if target_tokens is None:
        chosen = chosen_by(method, target_size or 0)
    else:
        chosen = spending(lambda size: chosen_by(method, size), tokens, target_tokens)
    spent = int(tokens[chosen].sum())
    orders = {name: chosen_by(name, records.height) for name in BASELINES if name != method}
    figures = {
        "method": method,
        "target_size": target_size,
        "target_tokens": target_tokens,
        "selected": len(chosen),
        "chosen": _figures(method, records, vectors, chosen),
        "baselines": [_figures(name, records, vectors, order[: len(chosen)]) for name, order in orders.items()],
        "at_equal_tokens": [
            _figures(name, records, vectors, within(order, tokens, spent)) for name, order in orders.items()
        ],
    }
    rows = np.sort(chosen)
    return Outcome(records[rows], _unselected(records, rows, METHODS[method].title), figures)


def _unselected(records: pl.DataFrame, rows: NDArray[np.int64], title: str) -> pl.DataFrame:
    """The verdict on what is not among `rows`."""
    rest = np.setdiff1d(np.arange(records.height), rows)
    told = records[rest].with_columns(
        outcome=pl.lit(Fate.UNSELECTED.value),
        reasons=pl.lit([REASON], dtype=pl.List(pl.String)),
        twin=pl.lit(None),
        similarity=pl.lit(None),
        detail=pl.lit(f"not among the {len(rows)} chosen by: {title}"),
    )
    return typed(told, VERDICT_SCHEMA)


def _figures(method: str, records: pl.DataFrame, vectors: Vectors, rows: NDArray[np.int64]) -> dict[str, Any]:
    """What the report says of a subset."""
    part = records[np.sort(rows)]
    mine = np.asarray(vectors[part["vector"].to_numpy()]) if part.height else np.zeros((0, 1), dtype=np.float32)
    similarity = nearest(mine).similarity
    return {
        "method": METHODS[method].title,
        "rows": part.height,
        "tokens": int(part["n_tokens"].sum()),
        "quality_mean": part["quality"].mean(),
        "vendi": vendi_score(mine),
        "tokens_mean": part["n_tokens"].mean(),
        "nearest_mean": float(similarity.mean()) if len(similarity) and not np.isnan(similarity).any() else None,
        "difficulty_mean": part[DIFFICULTY].mean() if DIFFICULTY in part.columns else None,
    }
