"""Stage: train, validation and test, so that nothing alike stands on two sides.

Records are shared out by component: everything linked by near-duplication, a conversation or a
source document goes to one side. A component's side is drawn by hashing the record of it that was
read first, so a record keeps its split when data is added behind it; an earlier release
(`previous`) fixes it in any case.
"""

import hashlib
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._bounds import Chosen
from pipelines._closest_pair import closest_pair
from pipelines._clusters import component_of
from pipelines._neighbours import EXACT_UP_TO
from pipelines._tiles import UNITS
from schemas.outcome import SPLITS, Fate

# Documents shorter than this are phrases that many records share ("Input: none").
DOCUMENT_CHARS = 100

PREVIOUS = pl.Schema({"record_id": pl.String(), "split": pl.String()})
"""An earlier release's records and where they went."""


class Split(NamedTuple):
    """`records` with `split` added; `figures` are schemas.report.Leakage."""

    records: pl.DataFrame
    figures: dict[str, Any]


def split(
    records: pl.DataFrame,
    everything: pl.DataFrame,
    links: pl.DataFrame,
    vectors: NDArray[np.float32],
    *,
    validation: float,
    test: float,
    link_similarity: float,
    seed: int,
    previous: pl.DataFrame | None = None,
) -> Split:
    """Add `split` to the released records.

    `everything` are all readable rows (row_id, record_id, source, group, context), `links` the pairs of
    row_ids that dedup found alike, removed rows included: two kept records that are near the same
    removed one stay together. `previous` (PREVIOUS) holds a record in its place; a component with two
    such places goes to the one that leaks nothing, train, and the moved rows are counted.
    """
    edges = _edges(everything, links, link_similarity)
    component = component_of(everything["row_id"], edges)
    drawn = _draw(everything, component, validation, test, seed)
    fixed = _fixed(records.join(component, on="row_id"), previous)
    placed = (
        records.join(component, on="row_id", how="left", maintain_order="left")
        .join(drawn, on="component", how="left", maintain_order="left")
        .join(fixed, on="component", how="left", maintain_order="left")
        .with_columns(split=pl.coalesce("fixed", "drawn"))
        .drop("drawn", "fixed")
    )
    # Of more rows some nearest neighbours may have been missed, so that they bound nothing.
    bounded = everything.height <= EXACT_UP_TO and "nearest_similarity" in placed.columns
    figures = _leakage(placed, edges, vectors, bounded=bounded) | _stability(placed, previous)
    return Split(placed.drop("component"), figures)


def _edges(everything: pl.DataFrame, links: pl.DataFrame, link_similarity: float) -> pl.DataFrame:
    """Pairs that must stay together; a conversation or a document is a star around its first row."""
    close = (pl.col("way") != "semantic") | (pl.col("similarity") >= link_similarity)
    alike = links.filter(close).select("a", "b")
    conversations = _stars(everything.filter(pl.col("group").is_not_null()), "source", "group")
    documents = _stars(everything.filter(pl.col("context").str.len_chars() >= DOCUMENT_CHARS), "context")
    return pl.concat([alike, conversations, documents]).unique().sort("a", "b")


def _stars(rows: pl.DataFrame, *key: str) -> pl.DataFrame:
    return rows.select(a=pl.col("row_id").min().over(key), b="row_id").filter(pl.col("a") != pl.col("b"))


def _draw(everything: pl.DataFrame, component: pl.DataFrame, validation: float, test: float, seed: int) -> pl.DataFrame:
    """component and the split that its first-read record draws."""
    first = component.filter(pl.col("row_id") == pl.col("component")).join(
        everything.select("row_id", "record_id"), on="row_id"
    )
    draws = pl.Series([_uniform(record_id, seed) for record_id in first["record_id"]], dtype=pl.Float64)
    return first.select(
        "component",
        drawn=pl.when(draws < test)
        .then(pl.lit(Fate.TEST.value))
        .when(draws < test + validation)
        .then(pl.lit(Fate.VALIDATION.value))
        .otherwise(pl.lit(Fate.TRAIN.value)),
    )


def _uniform(record_id: str, seed: int) -> float:
    """A number in [0, 1) that depends on the record and the seed alone."""
    digest = hashlib.sha256(f"{seed}:{record_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _fixed(members: pl.DataFrame, previous: pl.DataFrame | None) -> pl.DataFrame:
    """component and the split an earlier release put it in; train when it named several."""
    if previous is None:
        return pl.DataFrame(schema={"component": pl.Int64, "fixed": pl.String})
    named = _with_place(members, previous).filter(pl.col("was").is_not_null()).group_by("component")
    return named.agg(
        fixed=pl.when(pl.col("was").n_unique() == 1).then(pl.col("was").first()).otherwise(pl.lit(Fate.TRAIN.value))
    )


def _with_place(records: pl.DataFrame, previous: pl.DataFrame) -> pl.DataFrame:
    """Add `was`, the earlier split of each record, by its name now or before it was corrected or repaired."""
    told = records.join(previous.rename({"split": "was"}), on="record_id", how="left", maintain_order="left")
    if "original_record_id" not in records.columns:
        return told
    before = previous.rename({"record_id": "original_record_id", "split": "was_before"})
    both = told.join(before, on="original_record_id", how="left", maintain_order="left")
    return both.with_columns(was=pl.coalesce("was", "was_before")).drop("was_before")


def _leakage(
    placed: pl.DataFrame, edges: pl.DataFrame, vectors: NDArray[np.float32], *, bounded: bool
) -> dict[str, Any]:
    where = placed.select("row_id", "split")
    across = (
        edges.join(where, left_on="a", right_on="row_id")
        .join(where, left_on="b", right_on="row_id", suffix="_b")
        .filter(pl.col("split") != pl.col("split_b"))
    )
    sizes = placed.group_by("component").len()["len"]
    train, test = (placed.filter(pl.col("split") == name) for name in (SPLITS[0], SPLITS[2]))
    figures: dict[str, Any] = {
        "linked_across": across.height,
        "components": len(sizes),
        "largest_component": int(sizes.max() or 0),  # type: ignore[arg-type]
        "max_similarity": None,
        "pair": [],
    }
    if test.height and train.height:
        asked, among = (Chosen(vectors, side["vector"].to_numpy()) for side in (test, train))
        found = closest_pair(asked, among, likely=_nearest_of(test), bounded=bounded)
        figures["max_similarity"] = found.units / UNITS
        figures["pair"] = [test["record_id"][found.row], train["record_id"][found.other]]
    return figures


def _nearest_of(rows: pl.DataFrame) -> NDArray[np.float64]:
    """How close each row's nearest is, whatever its split; 1.0 where that is not known."""
    known = (
        rows["nearest_similarity"] if "nearest_similarity" in rows.columns else pl.repeat(None, rows.height, eager=True)
    )
    return known.cast(pl.Float64).fill_null(1.0).to_numpy()


def _stability(placed: pl.DataFrame, previous: pl.DataFrame | None) -> dict[str, Any]:
    if previous is None:
        return {"kept_from_previous": None, "moved_from_previous": None}
    both = _with_place(placed, previous).filter(pl.col("was").is_not_null())
    moved = both.filter(pl.col("split") != pl.col("was")).height
    return {"kept_from_previous": both.height - moved, "moved_from_previous": moved}
