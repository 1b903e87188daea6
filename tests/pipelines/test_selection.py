from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from pipelines._summary import selection_lines
from pipelines.selection import select
from schemas.outcome import Outcome
from schemas.report import Selection

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]


def choose(
    make_records: Make, size: int, vectors: list[list[float]], quality: list[float | None], **asked: Any
) -> Outcome:
    records = make_records([{"prompt": f"p{n}", "completion": "x" * (n + 1)} for n in range(len(quality))])
    ready = records.with_columns(
        quality=pl.Series(quality, dtype=pl.Float64), vector=pl.col("row_id"), n_tokens=pl.col("row_id") + 10
    )
    rows = np.array(vectors, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    asked = {"method": "deita", "target_size": size, "max_similarity": 0.9, "seed": 1, **asked}
    return select(ready, rows, **asked)


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


CORNERS = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]


def test_at_equal_tokens_a_baseline_takes_what_the_choice_paid_for_and_no_more(make_records: Make) -> None:
    found = choose(make_records, 2, CORNERS, [0.4, 0.3, 0.2, 0.1])
    assert found.kept["n_tokens"].to_list() == [10, 11]
    random, longest = found.figures["at_equal_tokens"]
    # 13 tokens are the longest; of the 8 that are left nothing can be had.
    assert (longest["rows"], longest["tokens"], longest["quality_mean"]) == (1, 13, 0.1)
    assert 0 < random["tokens"] <= 21


def test_tokens_instead_of_rows_pass_over_what_no_longer_fits(make_records: Make) -> None:
    found = choose(make_records, 0, CORNERS, [0.4, 0.3, 0.2, 0.1], target_size=None, target_tokens=23, method="longest")
    # 13 and then 10 tokens; neither 12 nor 11 fit between them.
    assert found.kept["source_row"].to_list() == [1, 4]
    assert (found.figures["target_tokens"], found.figures["chosen"]["tokens"]) == (23, 23)
    assert found.dropped["detail"].to_list() == ["not among the 2 chosen by: longest response"] * 2
    nothing = choose(make_records, 0, CORNERS, [0.4, 0.3, 0.2, 0.1], target_size=None, target_tokens=9)
    assert (nothing.kept.height, nothing.figures["chosen"]["quality_mean"]) == (0, None)


def test_a_baseline_does_not_stand_beside_itself(make_records: Make) -> None:
    found = choose(make_records, 2, CORNERS, [0.4, 0.3, 0.2, 0.1], method="longest")
    assert found.figures["chosen"]["method"] == "longest response"
    assert [one["method"] for one in found.figures["baselines"]] == ["random"]


def test_the_figures_of_older_reports_are_read() -> None:
    subset = {"rows": 2, "quality_mean": 0.5, "vendi": None, "tokens_mean": 9.0, "nearest_mean": None}
    old = {"target_size": 2, "selected": 2, "chosen": {"method": "quality, then spread", **subset}}
    read = Selection.model_validate({**old, "baselines": [{"method": "random", **subset}]})
    assert (read.method, read.chosen.tokens, read.at_equal_tokens) == ("deita", None, [])
    assert [title for title, _ in selection_lines(read)] == ["selection"]
