"""No worse than another release by more than so much; and margins, within which what passes is a warning."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines._baseline import direction
from pipelines._manifest import files_in, read_manifest, write_manifest
from pipelines._summary import verdict_lines
from pipelines.gate import gate, judge, report_of
from schemas.errors import PolicyError, ReleaseError
from schemas.policy import Demand, Policy, load_policy
from schemas.report import DemandResult


@pytest.fixture
def other(finished: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a release in which the report says something else; its manifest vouches for it."""

    def make(name: str = "2026-01", **rows: Any) -> Path:
        copy = Path(shutil.copytree(finished, tmp_path / name))
        report = json.loads((copy / "report.json").read_text())
        report["rows"] |= rows
        (copy / "report.json").write_text(json.dumps(report))
        write_manifest(read_manifest(copy).model_copy(update={"files": files_in(copy)}), copy)
        return copy

    return make


def judged(release: Path, **demand: Any) -> DemandResult:
    (result,) = judge(report_of(release), Policy(demands=(Demand.model_validate(demand),)), release).demands
    return result


def test_more_is_better_of_rows_and_less_of_what_is_wrong(finished: Path, other: Callable[..., Path]) -> None:
    released = report_of(finished).rows.released
    before = str(other(released=released + 2, review_share=0.0))
    fell = judged(finished, figure="rows.released", no_worse_than=before)
    assert (fell.passed, fell.margin) == (False, -2)
    assert fell.requirement == f"no worse than 2026-01 ({released + 2})"
    assert judged(finished, figure="rows.released", no_worse_than=before, by=2).passed
    assert judged(finished, figure="rows.released", no_worse_than=before, by="20%").passed
    assert not judged(finished, figure="rows.released", no_worse_than=before, by="1%").passed
    assert judged(finished, figure="rows.review_share", no_worse_than=before, by=0.5).passed
    assert judged(finished, figure="rows.released", no_worse_than=before, better="lower").passed


def test_a_demand_may_have_both_a_bound_and_a_comparison(finished: Path, other: Callable[..., Path]) -> None:
    both = judged(finished, figure="rows.released", no_worse_than=str(other()), by="5%", min=1000)
    assert (both.passed, both.requirement.split(" and ")[0]) == (False, "at least 1000")
    assert "by more than 5%" in both.requirement


def test_the_other_release_is_believed_only_as_it_was_made(finished: Path, other: Callable[..., Path]) -> None:
    before = other()
    with (before / "report.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ReleaseError, match=r"report\.json: was altered after the release was made"):
        judged(finished, figure="rows.released", no_worse_than=str(before))
    (before / "manifest.json").unlink()
    with pytest.raises(ReleaseError, match="so no run finished here"):
        judged(finished, figure="rows.released", no_worse_than=str(before))
    with pytest.raises(ReleaseError, match="is not a folder"):
        judged(finished, figure="rows.released", no_worse_than=str(before / "nowhere"))


def test_what_the_other_did_not_measure_is_nothing_to_be_no_worse_than(
    finished: Path, other: Callable[..., Path]
) -> None:
    unmeasured = judged(finished, figure="rows.review_share", no_worse_than=str(other(review_share=None)), by=1)
    assert (unmeasured.passed, unmeasured.measured is None) == (False, False)
    assert "has no such figure measured" in unmeasured.requirement


def test_groups_are_compared_with_the_same_groups(finished: Path, other: Callable[..., Path]) -> None:
    policy = Policy(demands=(Demand(figure="rows.released", each="language", no_worse_than=str(other())),))
    found = {each.group: each.passed for each in judge(report_of(finished), policy, finished).demands}
    assert found["language en"] is True


def test_a_group_that_is_new_or_gone_does_not_pass(finished: Path, other: Callable[..., Path]) -> None:
    import polars as pl

    before = other()
    records = pl.read_parquet(before / "records.parquet").with_columns(language=pl.lit("fr"))
    records.write_parquet(before / "records.parquet")
    write_manifest(read_manifest(before).model_copy(update={"files": files_in(before)}), before)
    policy = Policy(demands=(Demand(figure="rows.released", each="language", no_worse_than=str(before)),))
    found = {each.group: each for each in judge(report_of(finished), policy, finished).demands}
    assert (found["language fr"].measured, found["language fr"].passed) == (None, False)
    assert found["language en"].passed is False


def test_a_folder_is_looked_up_from_the_policys_own(finished: Path, other: Callable[..., Path], tmp_path: Path) -> None:
    other("last")
    (tmp_path / "policies").mkdir()
    policy = tmp_path / "policies" / "policy.yaml"
    policy.write_text("demands:\n- {figure: rows.released, no_worse_than: ../last, by: 5%}\n")
    assert gate(finished, policy).passed
    moved = tmp_path / "policy.yaml"
    moved.write_text("demands:\n- {figure: rows.released, no_worse_than: last, by: 5%}\n")
    assert load_policy(moved).digest == load_policy(policy).digest


def test_which_way_is_better_is_known_or_must_be_said() -> None:
    def better(figure: str) -> str:
        return direction(Demand(figure=figure, no_worse_than="x"))

    assert better("checks.refusal.full.released") == "lower"
    assert better("checks.checked") == "higher"
    assert better("splits.leakage.max_similarity") == "lower"
    assert better("languages.de") == "higher"
    with pytest.raises(PolicyError, match="say `better: higher` or `lower`"):
        better("tokens.mean")


def test_within_the_margin_a_pass_is_a_warning(finished: Path) -> None:
    released = report_of(finished).rows.released
    close = judged(finished, figure="rows.released", min=released - 1, margin=2)
    assert (close.passed, close.close) == (True, True)
    assert judged(finished, figure="rows.released", min=released - 1, margin="50%").close
    assert not judged(finished, figure="rows.released", min=released - 1, margin=1).close
    missed = judged(finished, figure="rows.released", min=released + 1, margin=2)
    assert (missed.passed, missed.close) == (False, False)
    verdict = judge(report_of(finished), Policy(demands=(Demand(figure="rows.released", min=released - 1, margin=2),)))
    assert verdict.passed
    first, line = verdict_lines(verdict)
    assert first == "gate        PASSED: 1 demand, all that decide are met (policy default); 1 warning"
    assert line == f"  close     rows.released is {released}, must be at least {released - 1}, met by 1 only"
