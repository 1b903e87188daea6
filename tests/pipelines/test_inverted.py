"""The inverted file looks in as many cells as the pairs need that it is told of."""

import numpy as np

from pipelines._inverted import OFF_BY, Inverted


def bunches(rows: int, spread: float) -> np.ndarray:
    drawn = np.random.default_rng(1)
    made = np.repeat(drawn.normal(size=(rows // 4, 24)), 4, axis=0)
    made += drawn.normal(scale=spread, size=made.shape)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def test_it_looks_further_the_wider_the_pairs_lie() -> None:
    looked, share = [], []
    for spread in (0.01, 0.5):
        rows = bunches(4_000, spread)
        index = Inverted(rows)
        a = np.arange(0, 4_000, 4)
        index.reach(a, a + 1, 0.01)
        looked.append(index.looked_in)
        either = (index.closest(a, 200)[1] == (a + 1)[:, None]) | (index.closest(a + 1, 200)[1] == a[:, None])
        share.append(either.any(axis=1).mean())
    assert looked[0] < looked[1]
    assert share[0] >= 0.99


def test_cosines_are_off_by_little_and_a_row_finds_itself_first() -> None:
    rows = bunches(2_000, 0.3)
    cosines, positions = Inverted(rows).closest(np.arange(2_000), 3)
    assert np.array_equal(positions[:, 0], np.arange(2_000))
    true = np.einsum("ij,ikj->ik", rows, rows[positions])
    assert np.abs(cosines - true)[positions >= 0].max() < OFF_BY


def test_half_precision_and_few_rows_will_do() -> None:
    rows = bunches(8, 0.3).astype(np.float16)
    index = Inverted(rows)
    index.reach(np.array([0]), np.array([7]), 0.0)
    cosines, positions = index.closest(np.array([0]), 8)
    assert sorted(set(positions[0].tolist()) - {-1})[0] == 0
    assert cosines[0, 0] > 1 - OFF_BY
