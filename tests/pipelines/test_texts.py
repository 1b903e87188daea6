"""Texts that are read where they lie are those that would be held."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines import _texts
from pipelines._texts import Texts, rows_of

SAID = [None if number % 7 == 0 else f"text {number}" for number in range(100)]


@pytest.fixture(params=["in memory", "on disk"])
def whole(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pl.LazyFrame:
    """Rows whose ids do not rise, in parts and row groups of different sizes."""
    monkeypatch.setattr(_texts, "PART", 13)
    frame = pl.DataFrame({"row_id": [(number * 37) % 100 for number in range(100)], "text": SAID})
    if request.param == "in memory":
        return frame.lazy()
    frame.write_parquet(tmp_path / "whole.parquet", row_group_size=9)
    return pl.scan_parquet(tmp_path / "whole.parquet")


@pytest.mark.parametrize("every", [1, 2, 50, 101])
def test_all_some_and_none_come_in_their_order(whole: pl.LazyFrame, every: int) -> None:
    held = whole.collect().filter(pl.int_range(pl.len()) % every == every - 1)
    texts = Texts(whole, held["row_id"])
    parts = list(texts.parts())
    assert max(map(len, parts)) <= 13
    assert (len(texts), pl.concat(parts).to_list()) == (held.height, held["text"].to_list())
    for places in (range(0, held.height, 3), range(held.height // 2, held.height), range(0)):
        assert texts.gather(np.array(places, dtype=np.int64)).to_list() == [held["text"][at] for at in places]


def test_a_series_is_texts_too() -> None:
    texts = Texts.held(pl.Series(SAID))
    assert (len(texts), pl.concat(texts.parts()).to_list()) == (100, SAID)
    assert list(Texts.held(pl.Series([], dtype=pl.String)).parts()) == []


def test_rows_are_found_in_the_order_in_which_they_lie(whole: pl.LazyFrame) -> None:
    found = rows_of(whole, pl.Series([5, 99, 37, 1_000]), ["text"])
    wanted = whole.collect().filter(pl.col("row_id").is_in([5, 37, 99]))
    assert found.equals(wanted)
