from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from checks.diversity import vendi_score, verb_objects
from pipelines.score import score

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]


def unit(*rows: list[float]) -> np.ndarray:
    made = np.array(rows, dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_novelty_is_the_distance_to_the_nearest_other_prompt(make_records: Make) -> None:
    records = make_records([{"prompt": p, "completion": "x"} for p in ("a", "b", "c")])
    records = records.with_columns(vector=pl.col("row_id"))
    scored = score(records, unit([1, 0], [1, 0], [0, 1]), clusters=2, seed=1).records
    assert scored["diversity"].to_list() == [0.0, 0.0, 1.0]
    assert scored["cluster"].to_list() == [0, 0, 1]


def test_one_record_has_no_neighbour_and_no_invented_novelty(make_records: Make) -> None:
    records = make_records([{"prompt": "a", "completion": "x"}]).with_columns(vector=pl.col("row_id"))
    found = score(records, unit([1, 0]), clusters=None, seed=1)
    assert found.records["diversity"].to_list() == [None]
    assert found.figures["nearest_mean"] is None


def test_nothing_to_score(make_records: Make) -> None:
    records = make_records([]).with_columns(vector=pl.col("row_id"))
    found = score(records, np.zeros((0, 0), dtype=np.float32), clusters=None, seed=1)
    assert found.figures["clusters"] is None


def test_clusters_are_named_by_their_own_words(make_records: Make) -> None:
    prompts = ["Bake the bread", "Bake the cake", "Bake the rolls", "Fix the python code", "Fix the python test"]
    records = make_records([{"prompt": p, "completion": "x"} for p in prompts]).with_columns(vector=pl.col("row_id"))
    rows = unit([1, 0.1], [1, 0], [1, 0.05], [0, 1], [0.1, 1])
    terms = score(records, rows, clusters=2, seed=1).figures["cluster_terms"]
    assert terms[0].startswith("bake")
    assert terms[1].startswith("fix, python")
    assert "the" not in terms[0].split(", ")[:1]


def test_the_vendi_score_counts_what_is_different() -> None:
    assert vendi_score(np.zeros((0, 3), dtype=np.float32)) is None
    assert vendi_score(unit([1, 0], [1, 0], [1, 0])) == pytest.approx(1)
    assert vendi_score(unit([1, 0], [0, 1])) == pytest.approx(2)
    # The kernel form of the paper, on rows that are neither alike nor orthogonal.
    rows = unit([1, 0, 0], [1, 1, 0], [0, 1, 1])
    values = np.linalg.eigvalsh(rows.astype(np.float64) @ rows.T.astype(np.float64) / 3)
    values = values[values > 1e-12]
    assert vendi_score(rows) == pytest.approx(float(np.exp(-(values * np.log(values)).sum())), rel=1e-5)


def test_verbs_and_what_they_act_on() -> None:
    found = verb_objects(
        pl.Series(["Please write a short poem", "Write poems", "Could you write a poem?", "三原色", ""])
    )
    assert found.pairs.rows() == [("write", "poem", 2), ("write", "poems", 1)]
    assert found.entropy is not None
    assert 0 < found.entropy < 1
    assert verb_objects(pl.Series([""])).entropy is None
