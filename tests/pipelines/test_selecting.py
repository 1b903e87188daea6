"""Each method of selection against its definition, and what all of them promise."""

from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.selecting import facility_location, far_apart, k_center
from pipelines.selecting.methods import METHODS, choose
from pipelines.selecting.mixed import weights
from schemas.decision import Verdict
from schemas.errors import UsageError
from schemas.settings import SelectionMethod

SCORES = st.none() | st.floats(0, 1).map(lambda number: round(number, 1))
SIDES = st.tuples(*[st.integers(-2, 2)] * 3).filter(any)
ROWS = st.lists(
    st.tuples(SIDES, SCORES, st.none() | st.sampled_from([0.2, 0.7, 1.0, 1.3]), st.integers(0, 4), st.booleans()),
    min_size=1,
    max_size=14,
)
Row = tuple[tuple[int, int, int], float | None, float | None, int, bool]


def pool_of(rows: list[Row]) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """Records without anything that no method reads, and their unit vectors."""
    vectors = np.array([row[0] for row in rows], dtype=np.float32)
    columns: dict[str, Any] = {
        "record_id": [f"{number:03}" for number in range(len(rows))],
        "vector": list(range(len(rows))),
        "quality": pl.Series([row[1] for row in rows], dtype=pl.Float64),
        "ifd_perplexity_ratio": pl.Series([row[2] for row in rows], dtype=pl.Float64),
        "completion": ["x" * row[3] for row in rows],
        "n_tokens": [row[3] for row in rows],
        "decision": [Verdict.RESTORE.value if row[4] else None for row in rows],
    }
    return pl.DataFrame(columns), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def chosen(method: str, records: pl.DataFrame, vectors: NDArray[np.float32], size: int) -> list[str]:
    """The record_ids that a method chooses, in its order."""
    places = choose(method, records, vectors, size=size, max_similarity=0.9, seed=3)
    return records[places]["record_id"].to_list()


@pytest.mark.parametrize("method", [name for name in METHODS if name != "difficulty"])
@given(rows=ROWS, size=st.integers(1, 16), data=st.data())
def test_every_method_keeps_what_all_promise(method: str, rows: list[Row], size: int, data: st.DataObject) -> None:
    records, vectors = pool_of(rows)
    found = chosen(method, records, vectors, size)
    assert len(found) == len(set(found)) == min(size, len(rows))
    restored = set(records.filter(pl.col("decision").is_not_null())["record_id"])
    assert set(found[: len(restored)]) <= restored
    smaller = data.draw(st.integers(1, size))
    assert chosen(method, records, vectors, smaller) == found[:smaller]
    shuffled = data.draw(st.permutations(range(len(rows))))
    assert chosen(method, records[shuffled], vectors, size) == found


def far_from(rows: list[tuple[int, int, int]], size: int) -> list[int]:
    """Greedy k-center as it is defined, from the row closest to the mean."""
    _, vectors = pool_of([(row, None, None, 0, False) for row in rows])
    cosine = np.rint(vectors @ vectors.T * 100_000)
    taken = [int(np.rint(vectors @ vectors.mean(axis=0) * 100_000).argmax())]
    while len(taken) < size:
        rest = [place for place in range(len(rows)) if place not in taken]
        taken.append(min(rest, key=lambda place: (cosine[place, taken].max(), place)))
    return taken


@given(rows=st.lists(SIDES, min_size=1, max_size=12), data=st.data())
def test_k_center_takes_the_farthest_whatever_it_looks_at_together(
    rows: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, len(rows)))
    records, vectors = pool_of([(row, None, None, 0, False) for row in rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(k_center, "_FARTHEST", data.draw(st.integers(1, 4)))
        patch.setattr(k_center, "_BLOCK", 5)
        assert [int(one) for one in chosen("k-center", records, vectors, size)] == far_from(rows, size)


@given(rows=st.lists(SIDES, min_size=1, max_size=10), data=st.data())
def test_lazy_greedy_takes_what_plain_greedy_takes(rows: list[tuple[int, int, int]], data: st.DataObject) -> None:
    records, vectors = pool_of([(row, None, None, 0, False) for row in rows])
    worth = np.rint(np.clip(vectors @ vectors.T, 0, 1) * 100_000).astype(np.int64)
    best, taken = np.zeros(len(rows), dtype=np.int64), []
    for _ in rows:
        adds = np.maximum(worth - best, 0).sum(axis=1)
        adds[taken] = -1
        taken.append(int(adds.argmax()))
        best = np.maximum(best, worth[taken[-1]])
    assert [int(one) for one in chosen("facility-location", records, vectors, len(rows))] == taken


def test_a_graph_of_some_neighbours_serves_nearly_as_well_as_all(monkeypatch: pytest.MonkeyPatch) -> None:
    # Groups of different sizes on a sphere, as prompts have them.
    draw = np.random.default_rng(5)
    centres = draw.standard_normal((40, 24)).repeat(draw.integers(2, 40, 40), axis=0)
    vectors = (centres + 0.7 * draw.standard_normal(centres.shape)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    count = len(vectors)
    records = pl.DataFrame({"record_id": [f"{n:04}" for n in range(count)], "vector": range(count), "quality": 0.5})
    served = []
    for neighbours, exact_up_to in ((count, count), (24, count), (24, 10)):
        monkeypatch.setattr(facility_location, "NEIGHBOURS", neighbours)
        monkeypatch.setattr(facility_location, "EXACT_UP_TO", exact_up_to)
        mine = vectors[choose("facility-location", records, vectors, size=60, max_similarity=0.9, seed=1)]
        served.append(float((vectors @ mine.T).max(axis=1).sum()))
    everything, some, cells = served
    assert some > 0.99 * everything
    assert cells > 0.98 * everything


@given(rows=ROWS, size=st.integers(1, 14))
def test_far_apart_is_the_same_in_blocks_and_one_by_one(rows: list[Row], size: int) -> None:
    records, vectors = pool_of(rows)
    whole = chosen("deita", records, vectors, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(far_apart, "_BLOCK", 1)
        assert chosen("deita", records, vectors, size) == whole


def test_the_hardest_prompts_that_help_come_first_and_those_that_do_not_before_the_unknown() -> None:
    ratios = [0.2, None, 1.3, 0.7, 1.0]
    records, vectors = pool_of([((1, 0, 0), 0.5, ratio, 0, False) for ratio in ratios])
    # 0.7 and 0.2 help; 1.0 does not, 1.3 misleads.
    assert chosen("difficulty", records, vectors, 5) == ["003", "000", "004", "002", "001"]


@pytest.mark.parametrize("column", ["dropped", "empty"])
def test_difficulty_that_was_not_measured_is_an_error(column: str) -> None:
    records, vectors = pool_of([((1, 0, 0), 0.5, None, 0, False)])
    with pytest.raises(UsageError, match=r"difficulty: needs .* not measured; add --difficulty"):
        chosen("difficulty", records.drop("ifd_perplexity_ratio") if column == "dropped" else records, vectors, 1)
    with pytest.raises(UsageError, match="best: is no method of selection; choose one of quality, deita"):
        chosen("best", records, vectors, 1)


def test_the_mix_weighs_what_was_measured() -> None:
    rows: list[Row] = [((1, 0, 0), quality, None, 0, False) for quality in (0.9, 0.1, None)]
    records, _ = pool_of(rows)
    assert weights(records).round(3).tolist() == [1.0, 0.707, 0.0]
    hard = records.with_columns(ifd_perplexity_ratio=pl.Series([1.2, 0.6, 0.4]))
    # The best does not help; the second is hard, the third has no quality and half the difficulty.
    assert weights(hard).round(3).tolist() == [0.0, 0.707, 0.5]


def test_the_mix_prefers_the_better_of_two_that_serve_alike() -> None:
    rows: list[Row] = [
        ((5, 0, 1), 0.1, None, 0, False),
        ((5, 0, 1), 0.9, None, 0, False),
        ((0, 1, 0), 0.5, None, 0, False),
    ]
    assert chosen("mix", *pool_of(rows), 2) == ["001", "002"]


def test_settings_know_every_method_by_its_name() -> None:
    assert get_args(SelectionMethod) == tuple(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_of_nothing_nothing_is_chosen(method: str) -> None:
    records, _ = pool_of([((1, 0, 0), 0.5, 0.5, 0, False)])
    assert chosen(method, records.head(0), np.zeros((0, 3), dtype=np.float32), 5) == []
    assert chosen(method, records, np.ones((1, 1), dtype=np.float32), 5) == ["000"]
