"""Drift is a distance with a name: nothing where nothing changed, and as far as a hand calculation says."""

import polars as pl
import pytest

from pipelines._drift import as_before, drifts, jensen_shannon, wasserstein


def frame(**columns: list[object]) -> pl.DataFrame:
    return pl.DataFrame(columns)


def test_the_same_rows_have_not_drifted():
    some = frame(n_tokens=[5, 9, 40], language=["en", "de", None], quality=[0.1, 0.9, None])
    found = drifts(some, some)
    assert [(drift.column, drift.value, drift.drifted) for drift in found] == [
        ("language", 0.0, False), ("n_tokens", 0.0, False), ("quality", 0.0, False),
    ]  # fmt: skip
    assert {drift.column: drift.counted_after for drift in found} == {"language": 3, "n_tokens": 3, "quality": 2}


def test_numbers_move_in_standard_deviations_of_what_was():
    # Every value moves by 2, and the standard deviation of 0, 4 is 2.
    assert wasserstein(pl.Series([0, 4]), pl.Series([2, 6])) == pytest.approx(1.0)
    (drift,) = drifts(frame(n_tokens=[0, 4]), frame(n_tokens=[2, 6]))
    assert (drift.value, drift.drifted, drift.few) == (1.0, True, True)
    assert drift.statistic.startswith("Wasserstein distance")
    assert "arXiv" in drift.source


def test_a_constant_that_stays_has_not_moved():
    assert wasserstein(pl.Series([7, 7]), pl.Series([7])) == 0.0


def test_words_lie_between_nothing_in_common_and_all():
    assert jensen_shannon(pl.Series(["en"]), pl.Series(["de"])) == pytest.approx(1.0)
    assert jensen_shannon(pl.Series(["en", "de"]), pl.Series(["de", "en"] * 3)) == 0.0
    # The root of H(1/4) - 1/2, in bits.
    assert jensen_shannon(pl.Series(["en", "en"]), pl.Series(["en", "de"])) == pytest.approx(0.5579, abs=1e-4)


def test_what_one_side_lacks_is_not_measured_and_never_zero():
    (drift,) = drifts(frame(toxicity=[None, None]).cast(pl.Float64), frame(toxicity=[0.2, 0.4]))
    assert (drift.value, drift.drifted) == (None, None)
    assert drifts(frame(quality=[0.5]), frame(n_tokens=[3])) == []


def test_clusters_are_called_as_they_were_before():
    # Before, 0 and 1; after, the same rows are called 1 and 0, and a third cluster came of new rows.
    after = frame(was=[0, 0, 1, None, None], cluster=[1, 1, 0, 1, 2])
    pairs = frame(before=[0, 0, 1, None, None], after=[1, 1, 0, 1, 2])
    assert as_before(after, pairs).to_list() == ["0", "0", "1", "0", "new 2"]
