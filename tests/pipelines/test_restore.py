"""One person brings a record back by name and reason: the next run releases it whatever dropped it, and says so."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from annotation.spending.ledger import locked
from annotation.store.database import open_store
from annotation.store.decisions import Decision, in_force, record_decisions, withdraw_decisions
from pipelines.cli import app
from pipelines.flow import curate

SPLITS = {"train", "validation", "test"}
REFUSED = "I'm sorry, but I cannot tell you what colour to take."
ROWS = [
    *({"prompt": f"Explain what a {thing} is for.", "completion": f"A {thing} is used {use}."} for thing, use in (
        ("hammer", "to drive nails into wood"), ("kettle", "to boil water for tea"),
        ("prism", "to split white light into colours"), ("anvil", "to shape hot metal"),
        ("trellis", "to hold climbing plants upright"), ("gasket", "to seal two parts"),
    )),
    {"prompt": "Name the capital of France.", "completion": "The capital of France is Paris."},
    {"prompt": "name the capital of france.", "completion": "The capital of France is Paris."},
    {"prompt": "Say something.", "completion": ""},
    {"prompt": "Give me a colour.", "completion": "I'm sorry, but I can't help with that request."},
    {"prompt": "Which planet is the largest in our solar system, and how many moons has it?", "completion": "Jupiter."},
    {"prompt": "Say something.", "completion": ""},
]  # fmt: skip
"""Row 8 is a duplicate of 7, rows 9 and 12 one record without an answer, 10 a refusal, 11 an item of a benchmark."""


@pytest.fixture
def project(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a source, a benchmark and a store of its own."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("raw.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n")
    Path("exam.jsonl").write_text(json.dumps({"prompt": ROWS[10]["prompt"], "completion": "No."}) + "\n")
    return tmp_path


SETTINGS = {"contamination": {"against": ["exam.jsonl"]}}


def run(**settings: Any) -> tuple[Any, dict[int, dict[str, Any]]]:
    """The report, and the ledger by row."""
    report = curate(["raw.jsonl"], "out", {**SETTINGS, **settings})
    return report, {row["source_row"]: row for row in pl.read_parquet("out/ledger.parquet").to_dicts()}


def assay(*words: str, code: int = 0) -> str:
    told = CliRunner().invoke(app, list(words))
    assert told.exit_code == code, told.output
    return told.output


def restore(row: int, why: str = "we need it", *more: str) -> str:
    return assay("restore", "out", f"raw.jsonl:{row}", "--why", why, "--by", "Ann Lee", *more)


def test_whatever_took_a_record_out_a_restored_one_is_released_and_says_by_whom(
    prefect_server: None, project: Path
) -> None:
    _, before = run()
    assert [before[row]["outcome"] for row in (8, 9, 10, 11)] == ["duplicate", "dropped", "review", "contaminated"]
    told = restore(8, "another way to ask")
    assert f"restored    {before[8]['record_id']}, raw.jsonl:8" in told
    assert "was         duplicate, duplicate.exact" in told
    assert "by          Ann Lee: another way to ask" in told
    assert "next        assay curate raw.jsonl --out out" in told
    for row in (9, 10, 11):
        restore(row)
    assert "the same was said before" in restore(9)
    report, after = run()
    assert {after[row]["outcome"] for row in (7, 8, 9, 10, 11)} <= SPLITS
    assert after[8]["detail"] == "restored by Ann Lee: another way to ask"
    reasons = {8: "duplicate.exact", 9: "structure.empty_completion", 10: "refusal.full", 11: "contamination.exam"}
    for row, reason in reasons.items():
        assert {reason, "annotator.restore"} <= set(after[row]["notes"])
    # Of the rows that are one record one is released, as ever.
    assert (after[12]["outcome"], after[12]["twin"]) == ("duplicate", after[9]["record_id"])
    assert after[7]["outcome"] == after[8]["outcome"]  # what is alike stays on one side
    lines = "".join(Path("out", "splits", f"{name}.jsonl").read_text() for name in SPLITS)
    assert "name the capital of france." in lines
    story = assay("explain", "out", "raw.jsonl:9")
    assert "restored by Ann Lee: we need it" in story
    assert "noted       structure.empty_completion: fails" in story
    # A person's word is no failed check, but it is said.
    assert report.checks.failed_released == 0
    assert (report.people.restored, report.expectations.critical_failures) == (5, 0)
    assert report.gate is not None
    assert report.gate.passed
    [said] = [demand for demand in report.gate.demands if demand.figure == "people.restored"]
    assert (said.passed, said.severity) == (False, "warn")
    assert "people.restored is 5, must be at most 0" in assay("gate", "out")


@pytest.mark.long
def test_what_was_restored_is_chosen_before_all_others(prefect_server: None, project: Path) -> None:
    run()
    restore(10)
    _, ledger = run(selection={"target_size": 2})
    assert ledger[10]["outcome"] in SPLITS
    assert sum(row["outcome"] in SPLITS for row in ledger.values()) == 2


def test_undone_is_as_before(prefect_server: None, project: Path) -> None:
    _, before = run()
    restore(9)
    assert "taken back" in assay("restore", "out", "raw.jsonl:9", "--undo")
    assert "nothing was decided of it by hand" in assay("restore", "out", "raw.jsonl:9", "--undo", code=2)
    report, after = run()
    assert after == before
    assert report.people.restored == 0


@pytest.mark.parametrize(
    ("record", "more", "complaint"),
    [
        ("raw.jsonl:1", ("--why", "x"), "raw.jsonl:1: is released already"),
        ("raw.jsonl:9", (), "needs a reason"),
        ("raw.jsonl:9", ("--why", "x" * 2001), "the reason has 2,001 characters"),
        ("raw.jsonl:9", ("--why", "x", "--by", " "), "needs a name"),
        ("raw.jsonl:99", ("--why", "x"), "no row of out is called so"),
        ("abc", ("--why", "x"), "too short to name a record"),
    ],
)
def test_what_cannot_be_restored_is_refused_in_one_line(
    prefect_server: None,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record: str,
    more: tuple[str, ...],
    complaint: str,
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, "out")
    named = (
        record.replace("raw.jsonl:9", "tasks.jsonl:5", 1) if record.endswith(":9") else record.replace("raw", "tasks")
    )
    said = assay("restore", "out", named, *more, code=2)
    assert complaint.replace("raw", "tasks") in said
    assert said.count("\n") == 1
    assert not Path("store").exists()


def test_a_row_that_could_not_be_read_has_no_record(
    prefect_server: None, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    said = assay("restore", str(finished), "tasks.jsonl:16", "--why", "x", code=2)
    assert "could not be read, so there is no record; correct its source" in said


@pytest.mark.long
def test_a_corrected_record_is_restored_with_its_correction(prefect_server: None, project: Path) -> None:
    _, before = run()
    fix = Decision(before[10]["record_id"], "record", "fix", REFUSED, (), None, None, {}, 2, "majority", 1.0)
    with locked(open_store(), "assay", "USD") as lock:
        record_decisions(lock.connection, "assay", [fix])
    _, fixed = run(validation={"severities": {"refusal.full": "drop"}})
    assert (fixed[10]["outcome"], fixed[10]["reasons"]) == ("dropped", ["refusal.full"])
    restore(10)
    _, after = run(validation={"severities": {"refusal.full": "drop"}})
    assert after[10]["outcome"] in SPLITS
    released = pl.read_parquet("out/records.parquet").filter(source_row=10).row(0, named=True)
    assert (released["completion"], released["original_record_id"]) == (REFUSED, before[10]["record_id"])


def test_answers_do_not_outweigh_what_one_person_decided_until_it_is_taken_back(project: Path) -> None:
    answered = Decision("a" * 64, "record", "reject", None, ("wrong",), None, None, {}, 3, "majority", 1.0)
    mine = answered._replace(verdict="restore", reasons=(), method="by_hand", agreement=None, decided_by="Ann Lee")
    engine = open_store()
    with locked(engine, "assay", "USD") as lock:
        here = lock.connection
        assert record_decisions(here, "assay", [answered]) == [answered]
        assert record_decisions(here, "assay", [mine]) == [mine]
        assert record_decisions(here, "assay", [answered]) == []
        assert withdraw_decisions(here, "assay", [mine.subject]) == []
        assert in_force(here, "assay") == {mine.subject: mine}
        from annotation.store.decisions import take_back_by_hand

        assert take_back_by_hand(here, "assay", mine.subject) == mine
        assert in_force(here, "assay") == {mine.subject: answered}
        assert take_back_by_hand(here, "assay", mine.subject) is None
    engine.dispose()
