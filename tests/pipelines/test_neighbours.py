import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipelines import _direct, _neighbours
from pipelines._cells import cells
from pipelines._closest import MOST_ROWS, Closest
from pipelines._clusters import components
from pipelines._neighbours import Vectors, nearest, similar_pairs
from schemas.errors import UsageError


@pytest.fixture(params=[_direct.DIRECT, 0], ids=["all products", "codes"], autouse=True)
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_direct, "DIRECT", request.param)
    monkeypatch.setattr(_direct, "FEW", min(request.param, _direct.FEW))


def unit(rows: np.ndarray) -> Vectors:
    rows = rows.astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


vectors = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 24), st.just(4)),
    elements=st.floats(-1, 1, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3),
).map(lambda rows: unit(rows + np.array([2, 0, 0, 0], dtype=np.float32)))


@given(vectors, st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]))
def test_the_pairs_are_those_that_brute_force_finds(rows: Vectors, threshold: float) -> None:
    cosine = np.round(np.clip(rows.astype(np.float64) @ rows.T.astype(np.float64), 0, 1), _neighbours.DECIMALS)
    a, b = np.triu_indices(len(rows), 1)
    sure = {(int(i), int(j)) for i, j in zip(a, b, strict=True) if cosine[i, j] >= threshold + 2e-5}
    maybe = {(int(i), int(j)) for i, j in zip(a, b, strict=True) if cosine[i, j] >= threshold - 2e-5}
    pairs = similar_pairs(rows, min_similarity=threshold).pairs
    found = set(pairs.select("a", "b").iter_rows())
    assert sure <= found <= maybe
    assert pairs["similarity"].is_between(threshold, 1).all()


def test_equal_vectors_are_pairs_at_one() -> None:
    rows = unit(np.array([[1, 0], [1, 0], [0, 1]]))
    assert similar_pairs(rows, min_similarity=1.0).pairs.rows() == [(0, 1, 1.0)]


def test_nothing_is_near_to_nothing() -> None:
    nothing = np.zeros((0, 4), dtype=np.float32)
    assert similar_pairs(nothing, min_similarity=0.5).pairs.is_empty()
    assert nearest(nothing).position.tolist() == []
    alone = nearest(unit(np.ones((1, 4))))
    assert alone.position.tolist() == [-1]
    assert np.isnan(alone.similarity[0])


def test_a_crowd_is_capped_and_said_but_stays_connected() -> None:
    size = 600
    found = similar_pairs(unit(np.ones((size, 4))), min_similarity=0.9)
    assert found.capped == size
    assert found.pairs.height <= size * _neighbours.MOST_NEIGHBOURS < size * (size - 1) // 2
    reached = components(size, found.pairs["a"].to_numpy(), found.pairs["b"].to_numpy())
    assert set(reached.tolist()) == {0}


def test_a_row_never_finds_itself_even_beside_its_equal() -> None:
    rows = unit(np.array([[1, 0], [1, 0], [0, 1]]))
    found = nearest(rows)
    assert found.position.tolist()[:2] == [1, 0]
    assert found.similarity.tolist() == [1.0, 1.0, 0.0]


def test_cells_are_numbered_by_size_and_the_same_each_time() -> None:
    drawn = np.random.default_rng(0)
    rows = unit(np.concatenate([drawn.normal((5, 0), 0.1, (30, 2)), drawn.normal((0, 5), 0.1, (10, 2))]))
    first = cells(rows, 2, seed=1)
    assert first.tolist() == [0] * 30 + [1] * 10
    assert first.tolist() == cells(rows, 2, seed=1).tolist()


def test_more_rows_than_a_pair_can_name_are_refused_and_never_mixed_up() -> None:
    with pytest.raises(UsageError, match=r"8,388,609 different prompts: pairs of more than 8,388,608 cannot be named"):
        Closest(MOST_ROWS + 1, 1)


def test_many_vectors_are_searched_by_cells_and_what_that_misses_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = np.random.default_rng(3)
    centres = unit(drawn.normal(size=(400, 16)))
    rows = unit(np.repeat(centres, 5, axis=0) + drawn.normal(scale=0.05, size=(2000, 16)))
    exact = similar_pairs(rows, min_similarity=0.9)
    monkeypatch.setattr(_neighbours, "EXACT_UP_TO", 1000)
    by_cells = similar_pairs(rows, min_similarity=0.9)
    assert exact.recall == 1.0
    true, found = set(exact.pairs.select("a", "b").iter_rows()), set(by_cells.pairs.select("a", "b").iter_rows())
    assert found <= true
    assert len(found) / len(true) >= 0.99
    assert abs(by_cells.recall - len(found) / len(true)) < 0.02
