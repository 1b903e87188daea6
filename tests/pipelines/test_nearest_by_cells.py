"""Above the size up to which search is exact, the nearest of a row is found well enough for a score."""

import numpy as np
import pytest

from pipelines import _neighbours
from pipelines._nearest_cells import Rooms
from pipelines._neighbours import NEAR, nearest


def test_on_average_the_nearest_is_as_close_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(5)
    centres = dice.normal(size=(80, 64))
    vectors = (centres[dice.integers(0, 80, 6000)] + 0.6 * dice.normal(size=(6000, 64))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact = nearest(vectors).similarity
    monkeypatch.setattr(_neighbours, "EXACT_UP_TO", 1000)
    found = nearest(vectors)
    assert not (found.position == np.arange(6000)).any()
    loss = exact - found.similarity
    assert np.nanmin(loss) >= -1e-6  # nothing is closer than it is
    assert np.isnan(loss).mean() < 0.01
    # Measured on other rows than those by which the cells were chosen.
    assert np.nanmean(loss) <= 2 * NEAR


def test_in_all_cells_it_is_the_closest_of_all_and_the_first_of_equals() -> None:
    rows = np.random.default_rng(6).normal(size=(150, 8)).astype(np.float32)
    vectors = np.repeat(rows / np.linalg.norm(rows, axis=1, keepdims=True), 2, axis=0)
    # Each has one equal, and of the rows of another set that are asked about the places are those of that set.
    asked = np.array([7, 4, 250, 251])
    rooms = Rooms(vectors, 1_000)
    assert rooms.closest(asked, 1_000).tolist() == [6, 5, 251, 250]
    alone = Rooms(vectors[:1], 4).closest(np.array([0]), 4)
    assert alone.tolist() == [-1]
