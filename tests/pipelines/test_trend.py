"""A report beside that of the release before it: the one whose place it takes, or the one that --previous names."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from pipelines import _trend
from pipelines._course import make_release
from pipelines._last_release import last_release, previous_of
from pipelines.gate import report_of
from schemas.report import Report
from schemas.settings import Settings

Stored = Callable[[str], Report]


def grown(source: Path, folder: Path) -> Path:
    """The source, and three rows more: an empty answer and two that are sound."""
    lines = source.read_text().splitlines()[:-1]
    more = [("Say it again.", ""), ("What is a barometer for?", "It measures the air."), ("Name a tree.", "An oak.")]
    lines += [json.dumps({"instruction": asked, "input": "", "output": said}) for asked, said in more]
    (folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "tasks.jsonl"


def test_a_release_is_compared_with_the_one_whose_place_it_takes(finished: Path, source: Path, tmp_path: Path) -> None:
    out = shutil.copytree(finished, tmp_path / "release")
    before = report_of(out)
    assert before.previous is None
    report = make_release([str(grown(source, tmp_path))], out, Settings())
    assert report.previous is not None
    assert (report.previous.run_id, report.previous.path) == (before.run.run_id, str(out))
    assert report.previous.figures["rows.ledger"] == before.rows.ledger
    empty = report.checks.families["structure"]["empty_completion"]
    assert (empty.failed, report.previous.figures["checks.structure.empty_completion.failed"]) == (2, 1)
    page = (out / "report.html").read_text()
    assert "6.7% before (1)" in page
    assert "a worse share" in page
    moved = {row.name: (row.before, row.now) for row in _trend.headlines(report)}
    assert moved["dropped by a check"] == ("1", "2")
    assert moved["unreadable"] == ("1", "0")


def test_a_named_release_goes_before_the_one_in_the_folder(demo: Path, finished: Path) -> None:
    found = last_release(finished, str(demo))
    assert found is not None
    assert found.run_id == report_of(demo).run.run_id
    assert last_release(finished.parent / "nothing", None) is None


def test_what_was_altered_or_cannot_be_read_is_not_compared_and_a_line_says_so(
    finished: Path, tmp_path: Path, heard: list[str]
) -> None:
    out = shutil.copytree(finished, tmp_path / "release")
    told = json.loads((out / "report.json").read_text())
    told["rows"]["released"] += 1
    (out / "report.json").write_text(json.dumps(told))
    assert last_release(out, None) is None
    (out / "report.json").unlink()
    assert last_release(out, None) is None
    assert "previous      not compared:" in heard[0]
    assert "report.json: was altered after the release was made" in heard[0]
    assert len(heard) == 2


def test_better_and_worse_go_by_the_share_because_releases_differ_in_size(stored: Stored) -> None:
    report = stored("full")
    families = report.checks.families
    said = {
        reason: _trend.of_check(report, reason, families[reason.split(".")[0]][reason.split(".")[1]])
        for reason in ("refusal.full", "structure.empty_completion", "structure.roles_alternate", "length.too_long")
    }
    assert said == {
        "refusal.full": _trend.Change("< 0.1% before (10)", "worse"),
        "structure.empty_completion": _trend.Change("50.0% before (700)", "better"),
        "structure.roles_alternate": _trend.Change("0.1% before (4)", "better"),
        "length.too_long": _trend.Change("a new check", "same"),
    }


def test_headlines_tell_a_step_and_what_one_side_lacks(stored: Stored) -> None:
    changes = {row.name: row.change for row in _trend.headlines(stored("full"))}
    assert changes["rows in the ledger"] == _trend.Change("+5,642 (+10.8%)", "more")
    assert changes["waiting for review"] == _trend.Change("as before", "same")
    assert changes["mean quality"] == _trend.Change("not in both", "same")


def test_a_release_beside_itself_is_as_before(stored: Stored) -> None:
    report = stored("full")
    report.previous = previous_of(report, "here")
    assert {row.change.shown for row in _trend.headlines(report)} == {"as before"}
    assert {
        _trend.of_check(report, f"{family}.{name}", figures)
        for family, members in report.checks.families.items()
        for name, figures in members.items()
    } == {_trend.Change("as before", "same")}


def test_without_a_release_before_nothing_is_said_of_one(stored: Stored) -> None:
    report = stored("empty")
    assert _trend.headlines(report) == []
    full = stored("full").model_copy(update={"previous": None})
    assert _trend.of_check(full, "refusal.full", full.checks.families["refusal"]["full"]) is None
