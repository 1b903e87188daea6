"""Pairs of records whose embedded prompts are close, and how close their answers are."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._clusters import component_of
from pipelines._neighbours import DECIMALS
from pipelines._texts import rows_of
from pipelines.embedding.encoder import Encoder
from schemas.record import Kind

# Rows of one prompt that are compared with each other; more are a template.
SAME_PROMPT = 64
# Where a margin holds, and by how much it grows below: measured in tests/pipelines/embedding/test_margin.py.
CLOSE, MARGIN_FURTHER = 0.8, 2.0


def row_pairs(records: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Pairs of prompts (positions a, b) as pairs of rows (row_ids); rows of one prompt pair at 1.0.

    Adds `judged`: false where embeddings may not decide, because a prompt is longer than the model's
    window, or because the pair's substance is two answers (preference data).
    """
    rows = records.select("row_id", "vector", "truncated", preference=pl.col("kind") == Kind.PREFERENCE)
    rows = rows.group_by("vector", maintain_order=True).head(SAME_PROMPT)
    itself = rows.select("vector").unique().select(a="vector", b="vector", similarity=pl.lit(1.0))
    crossed = (
        pl.concat([prompts, itself])
        .join(rows, left_on="a", right_on="vector")
        .join(rows, left_on="b", right_on="vector", suffix="_b")
        .filter((pl.col("a") != pl.col("b")) | (pl.col("row_id") < pl.col("row_id_b")))
    )
    # Equal prompts are equal however long they are.
    cut_off = (pl.col("truncated") | pl.col("truncated_b")) & (pl.col("a") != pl.col("b"))
    return crossed.select(
        a=pl.min_horizontal("row_id", "row_id_b"),
        b=pl.max_horizontal("row_id", "row_id_b"),
        similarity="similarity",
        judged=~cut_off & ~pl.col("preference") & ~pl.col("preference_b"),
    ).sort("a", "b")


def with_answer_similarity(
    pairs: pl.DataFrame, whole: pl.LazyFrame, encoder: Encoder, *, limits: tuple[float, ...]
) -> pl.DataFrame:
    """Add `answers`: the cosine of the two completions; null where `needed` is false.

    Completions are long and cost most: only those of needed pairs are embedded, and only those whose cosine
    may lie on either side of one of the `limits` are embedded in full precision.
    """
    needed = pairs.filter("needed")
    involved = pl.concat([needed["a"], needed["b"]]).unique().sort()
    texts = rows_of(whole, involved, ["completion"]).sort("row_id").with_columns(pl.col("completion").fill_null(""))
    embedded = encoder.encode(texts["completion"])
    a, b = _places(texts, needed["a"]), _places(texts, needed["b"])
    answers = cosines(embedded.vectors, a, b).to_numpy(writable=True)
    if embedded.margin:
        doubtful = np.flatnonzero(_doubtful(answers, embedded.margin, limits))
        rows = np.unique(np.concatenate([a[doubtful], b[doubtful]]))
        better = encoder.refine(texts["completion"].gather(rows)).vectors
        again = cosines(better, np.searchsorted(rows, a[doubtful]), np.searchsorted(rows, b[doubtful]))
        answers[doubtful] = again.to_numpy()
    return pairs.join(
        needed.select("a", "b", answers=pl.Series(answers, dtype=pl.Float64)),
        on=["a", "b"],
        how="left",
        maintain_order="left",
    )


def _doubtful(cosine: NDArray[np.float64], margin: float, limits: tuple[float, ...]) -> NDArray[np.bool_]:
    """Which cosines may lie on the other side of a limit. Of texts further apart a cosine is less sure."""
    margins = np.where(cosine >= CLOSE, margin, MARGIN_FURTHER * margin)
    near: NDArray[np.bool_] = (np.abs(cosine[:, None] - np.array(limits)) <= margins[:, None]).any(axis=1)
    return near


def prompt_similarity(losers: pl.DataFrame, records: pl.DataFrame, vectors: NDArray[np.float32]) -> pl.Series:
    """The cosine of each loser's prompt to its survivor's."""
    places = records.select("row_id", "vector")
    mine, kept = (
        losers.select(row_id=end).join(places, on="row_id", how="left", maintain_order="left")
        for end in ("row_id", "survivor")
    )
    return cosines(vectors, mine["vector"].to_numpy(), kept["vector"].to_numpy())


def cosines(vectors: NDArray[np.float32], a: NDArray[np.int64], b: NDArray[np.int64]) -> pl.Series:
    """Cosine of the rows a[i] and b[i], in [0, 1], rounded as all similarities are."""
    if len(a) == 0:
        return pl.Series([], dtype=pl.Float64)
    cosine = np.einsum("ij,ij->i", vectors[a].astype(np.float64), vectors[b].astype(np.float64))
    return pl.Series(np.clip(cosine, 0, 1), dtype=pl.Float64).round(DECIMALS)


def removed_at(row_ids: pl.Series, agreeing: pl.DataFrame, floor: float) -> dict[str, int]:
    """How many rows each `min_similarity` from 1.00 down to `floor` would remove: rows less components."""
    steps = [step / 100 for step in range(100, 0, -1) if step / 100 >= floor]
    left = {
        step: component_of(row_ids, agreeing.filter(pl.col("similarity") >= step))["component"].n_unique()
        for step in steps
    }
    return {f"{step:.2f}": len(row_ids) - count for step, count in left.items()}


def _places(texts: pl.DataFrame, rows: pl.Series) -> NDArray[np.int64]:
    return texts["row_id"].search_sorted(rows).cast(pl.Int64).to_numpy()
