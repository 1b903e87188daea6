"""Short codes never lose a pair: their products bound the cosine, whatever the vectors, length and kind of code."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines import _direct, _tiles
from pipelines._best import best_of, best_of_others
from pipelines._bounds import _TWO_ERRORS, SLACK, Codes, directions, encode, principal
from pipelines._closest import Closest
from pipelines._direct import closest_of, pairs_with
from pipelines._tiles import UNITS, Found, Wanted, in_units, places, products, strip_pairs

Floats = NDArray[np.float32]


@pytest.fixture(autouse=True)
def codes_whatever_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_direct, "DIRECT", 0)
    monkeypatch.setattr(_direct, "FEW", 0)
    monkeypatch.setattr(_direct, "_OTHERS", 16)


def unit_rows(seed: int, rows: int, width: int = 32) -> Floats:
    """Unequal ones: bunches, copies, and directions that hold most of the length."""
    drawn = np.random.default_rng(seed)
    made = drawn.normal(size=(rows, width)) * np.geomspace(1, 0.05, width)
    made[1::4] = made[::4][: len(made[1::4])] + drawn.normal(scale=0.05, size=(len(made[1::4]), width))
    if rows > 5:
        made[5] = made[0]
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def true_cosines(rows: Floats) -> NDArray[np.float64]:
    exact = rows.astype(np.float64)
    cosines: NDArray[np.float64] = exact @ exact.T
    return cosines


def all_codes(rows: Floats, size: int, whole: bool) -> Codes:
    return encode(rows, directions(principal(rows), size), whole=whole)


kinds = [(size, whole) for size in (4, 16, 32) for whole in (True, False)]


@pytest.mark.parametrize(("size", "whole"), kinds)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 70))
def test_a_product_of_codes_never_falls_short_of_the_cosine(size: int, whole: bool, seed: int, count: int) -> None:
    rows = unit_rows(seed, count)
    codes = all_codes(rows, size, whole)
    held = codes.rows.numpy().astype(np.float64)
    errors = codes.errors.astype(np.float64)
    bound = held @ held.T * codes.scale + errors[:, None] + errors + errors[:, None] * errors + SLACK
    assert (bound >= true_cosines(rows)).all()


def test_eight_bits_cost_most_rows_what_the_choice_of_a_length_reckons_with() -> None:
    codes = all_codes(unit_rows(1, 500), 32, True)
    assert 2 * np.median(codes.errors) == pytest.approx(_TWO_ERRORS, rel=0.1)


@pytest.mark.parametrize(("size", "whole"), kinds)
def test_strips_find_every_pair_once(size: int, whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tiles, "DENSE", 64)  # both ways of summing up
    rows = unit_rows(2, 1_300)
    least = 80_000
    wanted = Wanted(rows, all_codes(rows, size, whole), least)
    found = [strip_pairs(wanted, start) for start in range(0, len(rows), _tiles.STRIP)]
    pairs = sorted((min(a, b), max(a, b)) for part in found for a, b in zip(part.a, part.b, strict=True))
    a, b = np.nonzero(np.triu(in_units(true_cosines(rows)) >= least, 1))
    assert pairs == list(zip(a.tolist(), b.tolist(), strict=True))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 90))
def test_the_best_of_others_is_the_closest(seed: int, count: int) -> None:
    rows = unit_rows(seed, count)
    cosines = true_cosines(rows)
    np.fill_diagonal(cosines, -2)
    found = best_of_others(rows)
    assert np.allclose(cosines[np.arange(count), found], cosines.max(axis=1), atol=1e-9)
    assert np.array_equal(found, best_of(rows, rows, itself=np.arange(count)))


def test_what_is_further_than_the_least_need_not_be_found_but_what_is_closer_is() -> None:
    rows, others = unit_rows(4, 300), unit_rows(5, 40)
    cosines = rows.astype(np.float64) @ others.astype(np.float64).T
    least = np.full(300, 0.5)
    found = best_of(rows, others, least=least)
    near = cosines.max(axis=1) > 0.5
    assert near.any()
    assert not near.all()
    assert np.array_equal(found[near], cosines.argmax(axis=1)[near])


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), few=st.integers(1, 9), many=st.integers(1, 90))
def test_all_products_find_what_codes_find(seed: int, few: int, many: int) -> None:
    base = unit_rows(seed, many)
    queries = np.concatenate([base[:: max(1, many // few)], unit_rows(seed + 1, few)])
    assert np.array_equal(closest_of(queries, base), best_of(queries, base))
    rows = np.unique(np.linspace(0, many - 1, few).astype(np.int64))
    found = list(pairs_with(base, rows, 80_000))
    pairs = {(int(a), int(b), int(u)) for part in found for a, b, u in zip(*part, strict=True)}
    units = in_units(true_cosines(base))
    a, b = np.nonzero(units >= 80_000)
    wanted = {(i, j, int(units[i, j])) for i, j in zip(a.tolist(), b.tolist(), strict=True) if i in rows and i != j}
    assert pairs == wanted


def test_the_closest_are_kept_ties_by_position_and_more_are_said() -> None:
    """Against a sort of everything, with pairs that come in twice and either way round."""
    drawn = np.random.default_rng(6)
    units = {(a, b): int(drawn.integers(1, 6)) * 10_000 for a in range(30) for b in range(a + 1, 30)}
    closest = Closest(30, 4)
    for pairs in np.array_split(drawn.permutation([*units, *units]), 7):
        a, b = pairs[:, 0], pairs[:, 1]
        value = np.array([units[int(x), int(y)] for x, y in pairs])
        closest.add(Found(b, a, value) if drawn.random() < 0.5 else Found(a, b, value))
    kept: set[tuple[int, int]] = set()
    for row in range(30):
        near = sorted((other for other in range(30) if other != row), key=lambda o: (-units[_sorted(row, o)], o))
        kept |= {_sorted(row, other) for other in near[:4]}
    expected = pl.DataFrame([(a, b, units[a, b] / UNITS) for a, b in sorted(kept)], orient="row")
    assert closest.pairs().rows() == expected.rows()
    assert closest.capped.tolist() == list(range(30))


def _sorted(a: int, b: int) -> tuple[int, int]:
    return min(a, b), max(a, b)


@pytest.mark.parametrize("shape", [(3, 8), (5, 7), (1, 1), (0, 8)])
def test_places_are_those_of_numpy(shape: tuple[int, int]) -> None:
    marked = np.random.default_rng(7).random(shape) < 0.3
    assert [each.tolist() for each in places(marked)] == [each.tolist() for each in np.nonzero(marked)]


def test_products_are_whole_where_codes_are() -> None:
    import torch

    codes = torch.tensor([[127] * 64, [-127] * 64], dtype=torch.int8)
    assert products(codes, codes.T.contiguous()).tolist() == [[127 * 127 * 64, -127 * 127 * 64]] * 1 + [
        [-127 * 127 * 64, 127 * 127 * 64]
    ]
