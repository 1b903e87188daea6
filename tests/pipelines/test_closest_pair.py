"""The closest pair of two sets is that of all their products, however it is looked for."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import _closest_pair, _direct
from pipelines._bounds import unit_rows
from pipelines._closest_pair import Pair, closest_pair
from pipelines._tiles import in_units


def plainly(vectors: NDArray[np.float32], rows: NDArray[np.int64], among: NDArray[np.int64]) -> Pair:
    cosine = np.einsum("id,jd->ij", vectors[rows].astype(np.float64), vectors[among].astype(np.float64))
    units = in_units(cosine)
    row = int(units.max(axis=1).argmax())
    return Pair(row, int(cosine[row].argmax()), int(units.max()))


def looked_for(seed: int, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Vectors of 160 numbers, each twice, so that the first of equals has to be found; no row is among the others."""
    drawn = np.random.default_rng(seed)
    base = drawn.standard_normal((count, 160)).astype(np.float32)
    # Families of like ones, some of them closer than others.
    base += 4 * base[drawn.integers(0, count // 20, count)]
    vectors = unit_rows(np.repeat(base / np.linalg.norm(base, axis=1, keepdims=True), 2, axis=0), slice(None))
    sides = drawn.permutation(count)
    rows = np.sort(np.concatenate([2 * sides[: count // 3], 2 * sides[: count // 3] + 1]))
    among = np.sort(np.concatenate([2 * sides[count // 3 :], 2 * sides[count // 3 :] + 1]))
    return vectors, rows, among


@pytest.fixture
def by_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were too many rows for all products."""
    monkeypatch.setattr(_closest_pair, "is_few", lambda queries, base: False)


@pytest.mark.usefixtures("by_codes")
@pytest.mark.parametrize("at_once", [200, 2**17])
@pytest.mark.parametrize("seed", range(4))
def test_codes_find_the_pair_of_all_products(at_once: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_closest_pair, "AMONG_AT_ONCE", at_once)
    monkeypatch.setattr(_closest_pair, "LIKELY", 8)
    vectors, rows, among = looked_for(seed, 900)
    plain = plainly(vectors, rows, among)
    # A good guess, none at all, and one that has it the wrong way round.
    cosine = (vectors[rows] @ vectors[among].T).max(axis=1).astype(np.float64)
    for likely in (cosine, np.ones(len(rows)), -cosine):
        assert closest_pair(vectors[rows], vectors[among], likely=likely, bounded=False) == plain


@pytest.mark.usefixtures("by_codes")
def test_what_is_known_of_rows_spares_looking_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_closest_pair, "LIKELY", 1)
    vectors, rows, among = looked_for(5, 600)
    plain = plainly(vectors, rows, among)
    known = (np.abs(vectors[rows] @ vectors[among].T).max(axis=1) + 1e-3).astype(np.float64)
    asked: list[int] = []
    real = _closest_pair.encode
    monkeypatch.setattr(
        _closest_pair, "encode", lambda some, to, whole: asked.append(len(some)) or real(some, to, whole=whole)
    )
    assert closest_pair(vectors[rows], vectors[among], likely=known, bounded=True) == plain
    assert sum(asked) - len(among) < len(rows) / 4


@pytest.mark.parametrize("known_first", [True, False])
def test_of_rows_that_are_equally_close_the_first_is_named(known_first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_closest_pair, "LIKELY", 1)
    vectors = np.eye(6, dtype=np.float32)[[0, 1, 2, 0, 1, 5]]
    likely = np.array([0.0, 1.0, 0.0]) if known_first else np.array([0.0, 0.0, 1.0])
    found = closest_pair(vectors[[0, 1, 2]], vectors[[5, 4, 3]], likely=likely, bounded=False)
    assert found == Pair(0, 2, 100_000)


def test_all_products_are_what_few_rows_take() -> None:
    vectors, rows, among = looked_for(9, 500)
    assert _direct.is_few(len(rows), len(among))
    found = closest_pair(vectors[rows], vectors[among], likely=np.zeros(len(rows)), bounded=False)
    assert found == plainly(vectors, rows, among)
