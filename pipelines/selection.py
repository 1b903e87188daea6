"""Stage: a subset of a given size, quality first and then diversity, beside two simple baselines."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from checks.diversity import vendi_score
from pipelines._neighbours import nearest
from pipelines._restored import ids_restored, is_restored
from schemas.outcome import VERDICT_SCHEMA, Fate, Outcome
from schemas.record import typed

REASON = "selection.not_chosen"

Vectors = NDArray[np.float32]


def select(records: pl.DataFrame, vectors: Vectors, *, target_size: int, max_similarity: float, seed: int) -> Outcome:
    """Keep `target_size` records: the best ones that are not close to a better one already chosen.

    The representation filter of DEITA (Liu et al. 2024, arXiv:2312.15685), with our quality score. When
    too few are far enough apart, the best of the others fill the set. With `target_size` at or above
    the number of records, all are kept. What people restored is taken before all others, however close it lies.
    """
    order = _best_first(records)
    mine = vectors[records["vector"].to_numpy()] if records.height else np.zeros((0, 1), dtype=np.float32)
    called_for = min(len(ids_restored(records)), target_size)
    chosen = _spread_out(mine[order], min(target_size, records.height), max_similarity, called_for)
    rows = np.sort(order[chosen])
    kept = records[rows]
    rest = records.join(kept.select("row_id"), on="row_id", how="anti", maintain_order="left").with_columns(
        outcome=pl.lit(Fate.UNSELECTED.value),
        reasons=pl.lit([REASON], dtype=pl.List(pl.String)),
        twin=pl.lit(None),
        similarity=pl.lit(None),
        detail=pl.lit(f"not among the {target_size} chosen for quality and spread"),
    )
    figures = {
        "target_size": target_size,
        "selected": kept.height,
        "chosen": _figures("quality, then spread", records, mine, rows),
        "baselines": [
            _figures("random", records, mine, _random(records.height, len(rows), seed)),
            _figures("longest response", records, mine, _longest(records, len(rows))),
        ],
    }
    return Outcome(kept, typed(rest, VERDICT_SCHEMA), figures)


def _best_first(records: pl.DataFrame) -> NDArray[np.int64]:
    """Positions of what people restored, then by descending quality (null last), ties by record_id."""
    placed = records.with_row_index("place").with_columns(restored=is_restored(records))
    ranked = placed.sort("restored", "quality", "record_id", descending=[True, True, False], nulls_last=True)
    return ranked["place"].to_numpy().astype(np.int64)


def _spread_out(vectors: Vectors, size: int, max_similarity: float, called_for: int) -> NDArray[np.int64]:
    """Walk `vectors` in order and take the first `called_for`, and what is no closer than `max_similarity` to anything
    taken."""
    taken: list[int] = []
    passed: list[int] = []
    held = np.empty((size, vectors.shape[1]), dtype=np.float32)
    for place, vector in enumerate(vectors):
        if len(taken) == size:
            break
        if place >= called_for and taken and float((held[: len(taken)] @ vector).max()) >= max_similarity:
            passed.append(place)
            continue
        held[len(taken)] = vector
        taken.append(place)
    return np.array(taken + passed[: size - len(taken)], dtype=np.int64)


def _random(count: int, size: int, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(count)[:size])


def _longest(records: pl.DataFrame, size: int) -> NDArray[np.int64]:
    """The rows with the longest completions (Zhao et al. 2024, arXiv:2402.04833), a strong simple baseline."""
    ranked = records.with_row_index("place").with_columns(length=pl.col("completion").str.len_chars().fill_null(0))
    ranked = ranked.sort("length", "record_id", descending=[True, False]).head(size)
    return np.sort(ranked["place"].to_numpy().astype(np.int64))


def _figures(method: str, records: pl.DataFrame, vectors: Vectors, rows: NDArray[np.int64]) -> dict[str, Any]:
    part, mine = records[rows], vectors[rows]
    similarity = nearest(mine, mine, same=True).similarity
    return {
        "method": method,
        "rows": part.height,
        "quality_mean": part["quality"].mean(),
        "vendi": vendi_score(mine),
        "tokens_mean": part["n_tokens"].mean(),
        "nearest_mean": float(similarity.mean()) if len(similarity) and not np.isnan(similarity).any() else None,
    }
