"""The contract in a process of its own says what it says here, and what becomes of that process costs no verdict."""

import hashlib
import os
import signal
from pathlib import Path

import polars as pl
import pytest

from checks.contract import process as module
from checks.contract.process import contract_process, one_process_for_many_runs, ready_process
from checks.contract.run import Contract
from checks.registry import Check, Severity
from schemas.policy import Demand, Policy
from schemas.report import Expectations

CHECKS = [
    Check("structure", "empty_completion", Severity.DROP, "The completion has a visible character.", pl.lit(True)),
    Check("refusal", "full", Severity.REVIEW, "The completion is not a refusal.", pl.lit(True)),
]
POLICY = Policy(demands=(Demand(figure="rows.released", min=3),))


@pytest.fixture(autouse=True)
def _as_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the one that all tests share."""
    monkeypatch.setattr(module, "_ready", None)
    monkeypatch.setattr(module, "_stays", False)


def records() -> pl.DataFrame:
    names = ["train", "validation", "test", "review"]
    rows = [
        {
            "record_id": hashlib.sha256(name.encode()).hexdigest(),
            "source": "questions.jsonl",
            "source_row": number,
            "kind": "sft",
            "language": "en",
            "n_tokens": 12,
            "quality": 0.7,
            "outcome": name,
            "split": name if name != "review" else None,
            "decision": None,
            CHECKS[0].column: True,
            # A released row fails it: the contract does not hold.
            CHECKS[1].column: name not in ("test", "review"),
        }
        for number, name in enumerate(names, 1)
    ]
    return pl.DataFrame(rows, schema_overrides={"decision": pl.String, "split": pl.String})


def judged(docs: Path | None = None, between: object = None, *, elsewhere: bool = True) -> Expectations:
    process = ready_process() if elsewhere else None
    with Contract(records(), checks=CHECKS, policy=POLICY, docs=docs, run_name="river", elsewhere=process) as contract:
        if callable(between):
            between()
        return contract.finish({"rows": {"released": 3}})


@pytest.fixture(scope="module")
def here() -> Expectations:
    return judged(elsewhere=False)


def test_it_says_there_what_it_says_here_and_writes_its_pages(here: Expectations, tmp_path: Path) -> None:
    assert here.critical_failures == 1
    assert [result.column for result in here.results if not result.success] == [CHECKS[1].column]
    with contract_process():
        assert judged(tmp_path / "docs") == here
        assert judged() == here  # the same process serves the next
    assert (tmp_path / "docs" / "index.html").exists()
    assert ready_process() is None


def test_a_process_that_dies_costs_time_and_no_verdict(here: Expectations) -> None:
    with contract_process():
        process = ready_process()
        assert process is not None
        assert judged(between=lambda: os.kill(process.pid, signal.SIGKILL)) == here
        assert judged() == here  # and one that was dead before


def test_where_no_process_can_be_started_the_run_goes_on(here: Expectations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with contract_process():
        assert ready_process() is None
        assert judged() == here


def test_nothing_of_it_is_left_behind() -> None:
    with contract_process():
        process = ready_process()
        assert process is not None
        with contract_process():
            assert ready_process() is process
        assert ready_process() is process
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_one_process_serves_many_runs_and_another_takes_its_place_when_it_dies(here: Expectations) -> None:
    with one_process_for_many_runs():
        assert ready_process() is None  # nobody has asked for one
        with contract_process():
            first = ready_process()
            assert judged() == here
        assert first is not None
        assert ready_process() is first
        assert first.alive
        with contract_process():
            assert ready_process() is first
        os.kill(first.pid, signal.SIGKILL)
        os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
        with contract_process():
            second = ready_process()
            assert second is not None
            assert second is not first
            assert judged() == here
    assert ready_process() is None
    with pytest.raises(ProcessLookupError):
        os.kill(second.pid, 0)
