"""How long people worked, estimated from when they answered: breaks are no work, first answers were some."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.spending.effort import ESTIMATE_SCHEMA, estimate_active_minutes

NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)


def answers(**minutes: list[float]) -> pl.DataFrame:
    """When each person answered, in minutes after nine."""
    rows = [(name, NINE + timedelta(minutes=minute)) for name, at in minutes.items() for minute in at]
    return pl.DataFrame(rows, schema={"annotator": pl.String, "at": pl.Datetime("us", "UTC")}, orient="row")


def estimate(frame: pl.DataFrame, idle: float = 5.0) -> dict[str, tuple[int, float | None, float | None]]:
    told = estimate_active_minutes(frame, idle)
    return {name: (responses, minutes, median) for name, responses, minutes, median in told.iter_rows()}


def test_gaps_are_work_and_the_first_answer_took_as_long_as_the_others() -> None:
    assert estimate(answers(ana=[0, 1, 2, 3])) == {"ana": (4, 4.0, 60.0)}


def test_a_break_is_no_work_but_the_answer_after_it_was() -> None:
    # 1 + 3 seen, a break of an hour; the first and the one after the break count as the median of 1 and 3.
    assert estimate(answers(ana=[0, 1, 4, 64])) == {"ana": (4, 8.0, 120.0)}


def test_the_longest_gap_that_is_work_is_the_one_that_was_set() -> None:
    assert estimate(answers(ana=[0, 5]), idle=5)["ana"][1] == 10.0
    assert estimate(answers(ana=[0, 5]), idle=4.9)["ana"][1] is None


def test_who_answered_once_is_estimated_by_the_others() -> None:
    told = estimate(answers(ana=[0, 2, 4], ben=[0]))
    assert told["ben"] == (1, 2.0, None)


def test_nothing_is_made_up_where_nothing_is_known() -> None:
    assert estimate(answers(ana=[0], ben=[0, 60])) == {"ana": (1, None, None), "ben": (2, None, None)}


def test_nobody_answered() -> None:
    told = estimate_active_minutes(answers(), 5)
    assert told.is_empty()
    assert told.schema == ESTIMATE_SCHEMA


def test_a_moment_that_is_not_known_is_an_answer_all_the_same() -> None:
    frame = pl.concat([answers(ana=[0, 2]), answers(ana=[0]).with_columns(at=pl.lit(None, pl.Datetime("us", "UTC")))])
    assert estimate(frame) == {"ana": (3, 6.0, 120.0)}


def test_a_person_of_two_tiers_has_one_day_that_is_shared_out() -> None:
    frame = answers(ana=[0, 1, 2, 3]).with_columns(tier=pl.Series(["crowd", "expert", "crowd", "crowd"]))
    told = estimate_active_minutes(frame, 5)
    assert told.select("tier", "responses", "estimated_minutes").rows() == [("crowd", 3, 3.0), ("expert", 1, 1.0)]


@given(st.lists(st.floats(0, 10_000), min_size=1, max_size=30), st.floats(0.1, 60))
def test_an_estimate_is_never_longer_than_each_answer_at_the_limit(minutes: list[float], idle: float) -> None:
    frame = answers(ana=minutes)
    (told,) = estimate(frame, idle).values()
    assert told[0] == len(minutes)
    if told[1] is not None:
        assert 0 <= told[1] <= len(minutes) * idle + 1e-3
    assert estimate(frame.reverse(), idle)["ana"][1] == (None if told[1] is None else pytest.approx(told[1]))
