"""What is known is not worked out again, and the answer looks the same either way."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipelines.cache.keys import text_keys
from pipelines.cache.remembered import remembered
from pipelines.cache.store import Store

SCHEMA = pl.Schema({"letters": pl.Int32(), "first": pl.String()})


class Counting:
    """Counts letters, and remembers what it was asked."""

    def __init__(self, root: Path, texts: list[str | None]) -> None:
        self.store = Store(str(root), "letters", "v1", SCHEMA)
        self.texts = pl.Series(texts, dtype=pl.String)
        self.asked: list[list[Any]] = []

    def __call__(self, positions: NDArray[np.int64]) -> pl.DataFrame:
        mine = self.texts[positions]
        self.asked.append(mine.to_list())
        return pl.DataFrame({"letters": mine.str.len_chars(), "first": mine.str.slice(0, 1)})

    def rows(self) -> list[Any]:
        return remembered(self.store, text_keys(self.texts), self).rows()


def test_each_text_is_worked_out_once_and_all_come_back_in_order(tmp_path: Path) -> None:
    first = Counting(tmp_path, ["sea", "hill", "sea", "river"])
    assert first.rows() == [(3, "s"), (4, "h"), (3, "s"), (5, "r")]
    assert first.asked == [["sea", "hill", "river"]]
    second = Counting(tmp_path, ["river", "lake", "sea", "lake"])
    assert second.rows() == [(5, "r"), (4, "l"), (3, "s"), (4, "l")]
    assert second.asked == [["lake"]]
    third = Counting(tmp_path, ["lake", "hill"])
    assert third.rows() == [(4, "l"), (4, "h")]
    assert third.asked == []


def test_what_is_worked_out_in_parts_is_kept_part_by_part(tmp_path: Path) -> None:
    counting = Counting(tmp_path, ["sea", "hill", "sea", "river", "lake"])
    told: list[tuple[int, int]] = []

    def stopped(positions: NDArray[np.int64]) -> pl.DataFrame:
        if len(counting.asked) == 1:
            raise KeyboardInterrupt
        return counting(positions)

    keys = text_keys(counting.texts)
    with pytest.raises(KeyboardInterrupt):
        remembered(counting.store, keys, stopped, at_once=2, progress=lambda *at: told.append(at))
    assert counting.asked == [["sea", "hill"]]
    assert told == [(0, 4), (2, 4)]
    assert counting.rows() == [(3, "s"), (4, "h"), (3, "s"), (5, "r"), (4, "l")]
    assert counting.asked[1:] == [["river", "lake"]]


def test_what_is_not_final_is_returned_and_worked_out_again(tmp_path: Path) -> None:
    counting = Counting(tmp_path, ["sea", "hill"])
    final = pl.col("first") != "h"
    for _ in range(2):
        found = remembered(counting.store, text_keys(counting.texts), counting, final=final)
        assert found.rows() == [(3, "s"), (4, "h")]
    assert counting.asked == [["sea", "hill"], ["hill"]]


def test_what_has_no_key_is_worked_out_and_not_kept(tmp_path: Path) -> None:
    for _ in range(2):
        counting = Counting(tmp_path, [None, "sea", None])
        assert counting.rows() == [(None, None), (3, "s"), (None, None)]
    assert counting.asked == [[None, None]]


def test_nothing_is_no_work(tmp_path: Path) -> None:
    counting = Counting(tmp_path, [])
    assert counting.rows() == []
    assert counting.asked == []


def test_a_place_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("in the way")
    for _ in range(2):
        counting = Counting(tmp_path, ["sea", "hill"])
        assert counting.rows() == [(3, "s"), (4, "h")]
        assert counting.asked == [["sea", "hill"]]


def test_too_few_answers_are_a_mistake(tmp_path: Path) -> None:
    store = Store(str(tmp_path), "letters", "v1", SCHEMA)
    with pytest.raises(ValueError, match="0 rows were computed for 1 keys"):
        remembered(store, text_keys(pl.Series(["sea"])), lambda positions: pl.DataFrame(schema=SCHEMA))
