"""Connected components, who of a component stays, and what is said of the others."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.outcome import VERDICT_SCHEMA, Fate
from schemas.record import typed

RANK = ("flagged", "quality", "record_id", "row_id")
"""Best first: no deciding check failed, higher quality (null last), smaller record_id, read first."""


class Cut(NamedTuple):
    """One way of removing duplicates: `kept` and `dropped` partition the records.

    `dropped` has VERDICT_SCHEMA and `survivor`, the row_id of the kept copy.
    """

    kept: pl.DataFrame
    dropped: pl.DataFrame
    figures: dict[str, Any]


def components(size: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """The component of each of `size` positions, linked by the pairs a[i], b[i].

    A component is named by its smallest position, so that names do not depend on the order of pairs.

    >>> components(4, np.array([2]), np.array([1])).tolist()
    [0, 1, 1, 3]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1]
    first: NDArray[np.int64] = np.full(labels.max(initial=-1) + 1, size, dtype=np.int64)
    np.minimum.at(first, labels, np.arange(size))
    return np.asarray(first[labels])


def component_of(row_ids: pl.Series, edges: pl.DataFrame) -> pl.DataFrame:
    """`row_id` and `component` (the smallest row_id in it), by row_id; `edges` holds row_ids a and b."""
    ids = row_ids.sort()
    a = ids.search_sorted(edges["a"]).to_numpy().astype(np.int64)
    b = ids.search_sorted(edges["b"]).to_numpy().astype(np.int64)
    return pl.DataFrame({"row_id": ids, "component": ids.gather(components(len(ids), a, b))})


def ranked(records: pl.DataFrame) -> pl.DataFrame:
    """row_id, record_id and `rank` of every record: 0 is the one to keep before all others."""
    rows = records.select("row_id", "record_id", "quality", flagged=pl.col("review_reasons").list.len() > 0)
    ordered = rows.sort(RANK, descending=[False, True, False, False], nulls_last=True)
    return ordered.select("row_id", "record_id", rank=pl.int_range(pl.len()))


def losers_of(records: pl.DataFrame, component: pl.DataFrame) -> pl.DataFrame:
    """The rows that a better one of their component replaces: row_id, component, survivor."""
    members = ranked(records).join(component, on="row_id").sort("rank")
    chosen = members.with_columns(survivor=pl.col("row_id").first().over("component"))
    return (
        chosen.filter(pl.col("row_id") != pl.col("survivor")).sort("row_id").select("row_id", "component", "survivor")
    )


def explain_bridges(losers: pl.DataFrame, edges: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """Add `detail` for a row that is not itself close enough to the kept one: how it came into the cluster."""
    ends = pl.concat([edges.select("a", "similarity"), edges.select(a="b", similarity="similarity")])
    closest = ends.group_by("a").agg(closest=pl.col("similarity").max())
    said = pl.format("linked to the kept copy through others; its closest link is {}", pl.col("closest").round(3))
    return losers.join(closest, left_on="row_id", right_on="a", how="left", maintain_order="left").with_columns(
        detail=pl.when(pl.col("similarity") < threshold).then(said)
    )


def cut(records: pl.DataFrame, losers: pl.DataFrame, reason: str, **figures: Any) -> Cut:
    """Take `losers` (row_id, component, survivor, similarity, detail) out of `records`."""
    twins = records.select(survivor="row_id", twin="record_id")
    verdict = losers.join(twins, on="survivor", how="left", maintain_order="left").select(
        "row_id",
        "survivor",
        "twin",
        "similarity",
        "detail",
        outcome=pl.lit(Fate.DUPLICATE.value),
        reasons=pl.lit([reason], dtype=pl.List(pl.String)),
    )
    sizes = losers.group_by("component").len()["len"] + 1
    return Cut(
        kept=records.join(verdict, on="row_id", how="anti", maintain_order="left"),
        dropped=typed(records.join(verdict, on="row_id", how="inner", maintain_order="left"), VERDICT_SCHEMA),
        figures={"removed": losers.height, "clusters": len(sizes), "largest": int(sizes.max() or 0), **figures},  # type: ignore[arg-type]
    )


def final_twins(dropped: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Point `twin` at a record that is kept: a kept copy may itself have been removed by a later way.

    The similarity stays the measured one, to the copy that `detail` then names. Drops `survivor`.
    """
    survivor_of = dict(dropped.select("row_id", "survivor").iter_rows())
    last = []
    for survivor in survivor_of.values():
        while survivor in survivor_of:
            survivor = survivor_of[survivor]
        last.append(survivor)
    ends = pl.DataFrame({"row_id": list(survivor_of), "end": last}, schema={"row_id": pl.Int64, "end": pl.Int64})
    named = ends.join(records.select(end="row_id", final="record_id"), on="end", how="left").drop("end")
    moved = dropped.join(named, on="row_id", how="left", maintain_order="left")
    through = pl.format(
        "compared with its copy {}, which is itself a duplicate of the twin", pl.col("twin").str.head(12)
    )
    return moved.with_columns(
        detail=pl.when(pl.col("final") != pl.col("twin")).then(through).otherwise("detail"), twin=pl.col("final")
    ).drop("final", "survivor")
