"""Above the size up to which search is exact, the nearest of a row is found well enough for a score."""

import numpy as np
import pytest

from pipelines import _neighbours
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
