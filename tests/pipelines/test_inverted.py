"""The inverted file finds what is close in the cells that it looks in."""

import numpy as np

from pipelines._inverted import Inverted

# Half precision.
OFF_BY = 1e-3


def bunches(rows: int, spread: float) -> np.ndarray:
    drawn = np.random.default_rng(1)
    made = np.repeat(drawn.normal(size=(rows // 4, 24)), 4, axis=0)
    made += drawn.normal(scale=spread, size=made.shape)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def test_it_finds_more_the_more_cells_it_looks_in() -> None:
    rows, share = bunches(4_000, 0.5), []
    true = (rows @ rows.T).argsort(axis=1)[:, -2]
    for looked_in in (1, 16):
        found = Inverted(rows, looked_in=looked_in).closest(np.arange(4_000), 2)[1]
        share.append((found == true[:, None]).any(axis=1).mean())
    assert share[0] < share[1]
    assert share[1] >= 0.8


def test_cosines_are_off_by_little_and_a_row_finds_itself_first() -> None:
    rows = bunches(2_000, 0.3)
    cosines, positions = Inverted(rows).closest(np.arange(2_000), 3)
    assert np.array_equal(positions[:, 0], np.arange(2_000))
    true = np.einsum("ij,ikj->ik", rows, rows[positions])
    assert np.abs(cosines - true)[positions >= 0].max() < OFF_BY


def test_half_precision_and_few_rows_will_do() -> None:
    rows = bunches(8, 0.3).astype(np.float16)
    cosines, positions = Inverted(rows, looked_in=8).closest(np.array([0]), 8)
    assert sorted(set(positions[0].tolist()) - {-1})[0] == 0
    assert cosines[0, 0] > 1 - OFF_BY
