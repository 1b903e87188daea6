from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from pipelines.selection import select
from schemas.outcome import Outcome

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]


def choose(make_records: Make, size: int, vectors: list[list[float]], quality: list[float | None]) -> Outcome:
    records = make_records([{"prompt": f"p{n}", "completion": "x" * (n + 1)} for n in range(len(quality))])
    ready = records.with_columns(
        quality=pl.Series(quality, dtype=pl.Float64), vector=pl.col("row_id"), n_tokens=pl.lit(10)
    )
    rows = np.array(vectors, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return select(ready, rows, method="deita", target_size=size, max_similarity=0.9, seed=1)


def test_the_best_are_taken_but_not_twice_the_same(make_records: Make) -> None:
    found = choose(make_records, 2, [[1, 0], [1, 0.01], [0, 1]], [0.9, 0.8, 0.1])
    assert found.kept["source_row"].to_list() == [1, 3]
    assert found.dropped["source_row"].to_list() == [2]
    gone = found.dropped.row(0, named=True)
    assert (gone["outcome"], gone["reasons"]) == ("unselected", ["selection.not_chosen"])


def test_when_spread_cannot_fill_the_set_quality_does(make_records: Make) -> None:
    found = choose(make_records, 2, [[1, 0], [1, 0.01], [1, 0.02]], [0.1, 0.8, 0.9])
    assert found.kept["source_row"].to_list() == [2, 3]


def test_what_could_not_be_scored_comes_last(make_records: Make) -> None:
    found = choose(make_records, 1, [[1, 0], [0, 1]], [None, 0.1])
    assert found.kept["source_row"].to_list() == [2]


def test_asking_for_more_than_there_is_keeps_all(make_records: Make) -> None:
    found = choose(make_records, 9, [[1, 0], [1, 0]], [0.5, 0.5])
    assert found.kept.height == 2
    assert found.figures["selected"] == 2


def test_baselines_have_the_same_size_and_are_named(make_records: Make) -> None:
    found = choose(make_records, 2, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], [0.1, 0.2, 0.3, 0.4])
    chosen, (random, longest) = found.figures["chosen"], found.figures["baselines"]
    assert [one["rows"] for one in (chosen, random, longest)] == [2, 2, 2]
    assert (random["method"], longest["method"]) == ("random", "longest response")
    assert longest["quality_mean"] == 0.35
