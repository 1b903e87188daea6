"""What a sample of answers says of a threshold, and how sure it is, held against data whose truth is known."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest

from pipelines.calibration.curve import curve, fewest, recommended
from pipelines.calibration.drawing import drawn, strata_of


def candidates(*groups: tuple[float, int]) -> pl.DataFrame:
    """So many candidates of each score, called SCORE-NUMBER."""
    rows = [(f"{score}-{number:03d}", score) for score, many in groups for number in range(many)]
    return pl.DataFrame(rows, schema={"id": pl.String, "score": pl.Float64}, orient="row").with_columns(a=0, b=0)


def in_strata(frame: pl.DataFrame, current: float | None = None) -> pl.DataFrame:
    return strata_of(frame, lowest=0.88, current=current)


def said(yes: dict[float, int], no: dict[float, int] | None = None) -> dict[str, bool]:
    """Answers to the first candidates of each score: so many yes, then so many no."""
    found = {f"{score}-{number:03d}": True for score, many in yes.items() for number in range(many)}
    for score, many in (no or {}).items():
        first = yes.get(score, 0)
        found |= {f"{score}-{number:03d}": False for number in range(first, first + many)}
    return found


def test_an_answer_stands_for_as_many_candidates_as_its_stratum_has_for_each():
    strata = in_strata(candidates((0.95, 100), (0.90, 10)))
    low, high = curve(strata, said({0.95: 10}, {0.90: 10}), {})
    assert (high.threshold, high.precision.share, high.recall.share) == (0.95, 1.0, 1.0)
    # Ten answers for a hundred, and ten for ten: not half, but ten elevenths.
    assert (low.threshold, low.candidates, low.answers, low.yes) == (0.88, 110, 20, 10)
    assert low.precision.share == pytest.approx(100 / 110)


def test_recall_is_the_share_of_all_yes_that_a_threshold_keeps():
    strata = in_strata(candidates((0.95, 30), (0.90, 60)))
    _, high = curve(strata, said({0.95: 3, 0.90: 6}), {})
    assert high.recall.share == pytest.approx(30 / 90)


def test_where_all_answers_weigh_the_same_the_interval_is_clopper_and_pearsons():
    strata = in_strata(candidates((0.95, 40)))
    (point,) = curve(strata, said({0.95: 27}, {0.95: 3}), {})
    exact = binomtest(27, 30).proportion_ci(method="exact")
    assert (point.precision.low, point.precision.high) == pytest.approx((exact.low, exact.high))


def test_what_was_decided_before_the_draw_stands_for_itself_alone():
    strata = in_strata(candidates((0.95, 100)))
    # The ten that people had looked at were the worst ones; the draw from the others says that those are good.
    (point,) = curve(strata, {f"0.95-{number:03d}": True for number in range(10, 28)}, said({}, {0.95: 10}))
    assert point.precision.share == pytest.approx(90 / 100)


def test_a_stratum_in_which_nobody_answered_counts_with_the_nearest():
    strata = in_strata(candidates((0.97, 20), (0.95, 20), (0.90, 20)))
    low, *_ = curve(strata, said({0.95: 5}, {0.90: 5}), {})
    assert low.precision.share == pytest.approx(40 / 60)


def test_without_an_answer_to_what_was_drawn_there_is_no_curve():
    strata = in_strata(candidates((0.95, 20)))
    assert curve(strata, {}, said({0.95: 5})) == []


def test_the_lowest_threshold_that_is_sure_enough_is_recommended_and_none_without_evidence():
    strata = in_strata(candidates((0.96, 100), (0.93, 100), (0.90, 100)))
    good = curve(strata, said({0.96: 20, 0.93: 20}, {0.90: 20}), {})
    best = recommended(good, precision=0.85, lowest=0.88)
    assert best is not None
    assert best.threshold == 0.93
    few = curve(strata, said({0.96: 5, 0.93: 5, 0.90: 5}), {})
    assert recommended(few, precision=0.85, lowest=0.88) is None
    # And none below what the settings allow.
    assert recommended(good, precision=0.85, lowest=0.95) is None


def test_so_many_answers_prove_a_precision_and_one_fewer_does_not():
    strata = in_strata(candidates((0.95, 400)))
    enough, too_few = (
        curve(strata, said({0.95: many}), {})[0].precision.low for many in (fewest(0.9), fewest(0.9) - 1)
    )
    assert too_few < 0.9 <= enough


def test_the_threshold_in_force_is_on_the_curve_whatever_lies_there():
    strata = in_strata(candidates((0.97, 30), (0.90, 30)), current=0.92)
    points = curve(strata, said({0.97: 9, 0.90: 9}), {}, current=0.92)
    assert [(point.threshold, point.candidates) for point in points] == [(0.88, 60), (0.92, 30), (0.97, 30)]


def test_every_beginning_of_the_order_is_a_sample_and_a_longer_one_goes_on_from_it():
    strata = in_strata(candidates((0.97, 40), (0.94, 200), (0.91, 60), (0.89, 20)), current=0.92)
    order = drawn(strata, current=0.92, seed=3)
    assert sorted(order["id"]) == sorted(strata["id"])
    asked = dict(order.head(40).group_by("edge").len().iter_rows())
    assert min(asked.values()) >= 1
    assert max(asked, key=lambda edge: asked[edge]) == 0.94
    assert (
        order["id"].to_list()
        == drawn(strata.sample(fraction=1, shuffle=True, seed=1), current=0.92, seed=3)["id"].to_list()
    )
    assert order["id"].to_list() != drawn(strata, current=0.92, seed=4)["id"].to_list()


@pytest.mark.parametrize("shape", ["steep", "flat", "rising"])
def test_intervals_hold_at_least_as_often_as_they_say(shape):
    rng = np.random.default_rng(7)
    scores = np.round(np.clip(0.88 + 0.12 * rng.beta(1, 1.6, 500), 0.88, 1), 5)
    chance = {"steep": 1 / (1 + np.exp(-(scores - 0.90) * 120)), "flat": np.full(500, 0.8), "rising": 4 * scores - 3.1}
    frame = pl.DataFrame({"id": [f"{at:03d}" for at in range(500)], "score": scores}).with_columns(a=0, b=0)
    strata = in_strata(frame, current=0.92)
    held, sure, wrong = [], 0, 0
    for seed in range(60):
        good = rng.random(500) < np.clip(chance[shape], 0, 1)
        asked = drawn(strata, current=0.92, seed=seed).head(50)["id"]
        points = curve(strata, {name: bool(good[int(name)]) for name in asked}, {})
        for point in points:
            above = scores >= point.threshold
            held.append(point.precision.low <= good[above].mean() <= point.precision.high)
            held.append(point.recall.low <= good[above].sum() / good.sum() <= point.recall.high)
        if best := recommended(points, precision=0.85, lowest=0.88):
            sure += 1
            wrong += chance[shape][scores >= best.threshold].mean() < 0.85
    assert np.mean(held) >= 0.95
    assert wrong <= 0.05 * 60
    assert sure >= (20 if shape == "steep" else 0)
