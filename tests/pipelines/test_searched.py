"""What is found among vectors of which most were searched before is what a search of everything finds."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import _searched
from pipelines._bounds import Vectors
from pipelines._neighbours import nearest, similar_pairs
from pipelines._searched import NEAREST, PAIRS, nearest_among, pairs_among

CLOSE = 0.8


def crowd(rows: int, seed: int) -> Vectors:
    """Unit rows in bunches of three, every tenth twice."""
    drawn = np.random.default_rng(seed)
    centres = np.repeat(drawn.normal(size=(-(-rows // 3), 24)), 3, axis=0)[:rows]
    made = (centres + drawn.normal(scale=0.1, size=centres.shape)).astype(np.float32)
    made[::10] = made[0]
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def few_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_searched, "_WORTH", 2)


def same_as_anew(vectors: Vectors, cache: Path) -> None:
    found = pairs_among(vectors, min_similarity=CLOSE, cache=str(cache))
    assert found.pairs.equals(similar_pairs(vectors, min_similarity=CLOSE).pairs)
    assert found.recall == 1.0
    near = nearest_among(vectors, cache=str(cache))
    assert np.array_equal(near, nearest(vectors).similarity, equal_nan=True)


@settings(deadline=None)
@given(st.data())
def test_rows_may_come_go_move_and_change(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    cache = tmp_path_factory.mktemp("cache")
    pool = crowd(90, 1)
    for _ in range(3):
        rows = data.draw(st.lists(st.integers(0, 89), min_size=2, max_size=60))
        same_as_anew(pool[rows], cache)


def test_what_is_known_is_not_searched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = crowd(200, 2)
    same_as_anew(rows, tmp_path)
    expected = pairs_among(rows[::-1], min_similarity=CLOSE, cache=str(tmp_path)).pairs
    for name in ("similar_pairs", "nearest", "best_of"):
        monkeypatch.setattr(_searched, name, lambda *_, **__: pytest.fail("searched again"))
    assert pairs_among(rows[::-1], min_similarity=CLOSE, cache=str(tmp_path)).pairs.equals(expected)
    assert len(nearest_among(rows[::-1], cache=str(tmp_path))) == 200


def test_a_row_that_has_more_neighbours_than_are_kept_is_searched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines._neighbours.MOST_NEIGHBOURS", 4)
    rows = crowd(200, 3)
    assert similar_pairs(rows, min_similarity=CLOSE).capped
    same_as_anew(rows[1::10], tmp_path)  # none of the equal ones
    same_as_anew(rows, tmp_path)
    same_as_anew(rows[:150], tmp_path)


def test_other_thresholds_are_other_searches(tmp_path: Path) -> None:
    rows = crowd(100, 4)
    few = pairs_among(rows, min_similarity=0.99, cache=str(tmp_path)).pairs.height
    assert few < pairs_among(rows, min_similarity=0.5, cache=str(tmp_path)).pairs.height
    assert len(list((tmp_path / PAIRS).iterdir())) == 2


@pytest.mark.parametrize("kind", [PAIRS, NEAREST])
def test_a_damaged_finding_is_not_believed(kind: str, tmp_path: Path) -> None:
    rows = crowd(100, 5)
    same_as_anew(rows, tmp_path)
    (kept,) = (tmp_path / kind).iterdir()
    pl.DataFrame({"a": [0], "b": [1], "similarity": [1.0], "units": [5], "nearest": [0]}).write_parquet(
        kept / "found.parquet"
    )
    same_as_anew(rows, tmp_path)


def test_without_a_cache_or_where_it_cannot_be_written_the_search_goes_on(tmp_path: Path) -> None:
    rows = crowd(60, 6)
    true = similar_pairs(rows, min_similarity=CLOSE).pairs
    assert pairs_among(rows, min_similarity=CLOSE, cache=None).pairs.equals(true)
    (tmp_path / "file").write_text("no folder")
    same_as_anew(rows, tmp_path / "file")
