"""The gate's answer as JUnit, SARIF and GitHub's annotations, read by parsers; and hostile texts in it."""

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines._gate_formats import github, junit, sarif
from pipelines.cli import app
from schemas.errors import ReleaseError
from schemas.report import DemandResult, Verdict

HOSTILE = 'x"]]><!--&\x00\x1b[31m\r\n::set-env name=A::b%0A::error::\n##[add-path]c</testcase>\ud800\u2028'
POLICY = (
    "name: house\ndemands:\n- {figure: rows.released, min: 1000, why: enough}\n"
    "- {figure: rows.review_share, max: -1, severity: warn}\n- {figure: rows.reconciles, equals: true}\n"
)


def demand(**said: Any) -> DemandResult:
    known = {"figure": "a.b", "requirement": "at most 1", "measured": 2.0, "margin": -1.0, "passed": False}
    return DemandResult.model_validate({**known, "severity": "fail", "why": None, **said})


def verdict(*demands: DemandResult) -> Verdict:
    return Verdict(policy=HOSTILE, passed=False, demands=list(demands))


def test_one_call_writes_them_all_and_each_says_what_failed(finished: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    files = [tmp_path / name for name in ("verdict.json", "junit.xml", "gate.sarif")]
    call = ["gate", str(finished), "--policy", str(policy), "--format", "github"]
    done = CliRunner().invoke(app, [*call, *(word for file in files for word in ("--output", str(file)))])
    assert done.exit_code == 1, done.output
    told = json.loads(files[0].read_text())
    assert (told["policy"], told["passed"], told["verdict_version"]) == ("house", False, 1)
    suite = ET.parse(files[1]).getroot()
    assert (suite.tag, suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("testsuites", "3", "1", "0")
    failed, warned, passed = suite.iter("testcase")
    failure = failed.find("failure")
    assert failure is not None
    assert "must be at least 1,000: enough" in (failure.get("message") or "").replace("1000", "1,000")
    assert (warned.findtext("system-out") or "").startswith("warning: rows.review_share is")
    assert list(passed) == []
    (run,) = json.loads(files[2].read_text())["runs"]
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("rows.released", "error"), ("rows.review_share", "warning"),
    ]  # fmt: skip
    assert run["invocations"] == [{"executionSuccessful": True, "exitCode": 1}]
    lines = done.stdout.splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == ["::error", "::warning", "::error"]
    assert lines[-1].endswith("failed by the policy house")


def test_what_cannot_be_judged_is_an_error_in_all_of_them(finished: Path, tmp_path: Path) -> None:
    release = Path(shutil.copytree(finished, tmp_path / "release"))
    (release / "ledger.parquet").write_bytes(b"")
    files = [tmp_path / name for name in ("verdict.json", "junit.xml", "gate.sarif")]
    call = ["gate", str(release), "--format", "github"]
    done = CliRunner().invoke(app, [*call, *(word for file in files for word in ("--output", str(file)))])
    assert done.exit_code == 2
    assert not files[0].exists()
    root = ET.parse(files[1]).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("1", "0", "1")
    error = root.find("testsuite/testcase/error")
    assert error is not None
    assert (error.get("type"), "ledger.parquet: was altered" in (error.text or "")) == ("ReleaseError", True)
    (invocation,) = json.loads(files[2].read_text())["runs"][0]["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    assert "was altered" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert done.stdout.startswith("::error title=assay gate%3A cannot be judged::")


def test_hostile_texts_begin_no_command_and_end_no_element(tmp_path: Path) -> None:
    bad = verdict(demand(figure=HOSTILE, why=HOSTILE, measured=HOSTILE, requirement=HOSTILE, group=HOSTILE))
    for answer in (bad, ReleaseError(HOSTILE)):
        release = tmp_path / "a release:\n::error::x"
        lines = github(answer, release).splitlines()
        assert all(line.startswith(("::error title=assay gate", "::notice title=assay gate")) for line in lines)
        assert len(lines) == (2 if answer is bad else 1)
        properties = [line.split("::")[1] for line in lines]
        assert all("," not in said and ":" not in said for said in properties)
        assert "\r" not in "".join(lines)
        assert "\x1b" not in "".join(lines)
        root = ET.fromstring(junit(answer, release))
        (case,) = root.iter("testcase")
        assert [child.tag for child in case] == ["failure" if answer is bad else "error"]
        log = json.loads(sarif(answer, release))
        assert len(log["runs"][0]["results"]) == (1 if answer is bad else 0)


def test_the_sarif_log_has_what_version_2_1_0_asks_for(tmp_path: Path) -> None:
    """Sections 3.13 to 3.28 of the standard; that it fits the whole schema was checked when this was written."""
    log = json.loads(sarif(verdict(demand(), demand(figure="c", passed=True, close=True)), Path("runs/my demo")))
    assert (log["version"], log["$schema"].rsplit("/", 1)[1]) == ("2.1.0", "sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "assay gate"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "runs/my%20demo/report.json"
        assert location["physicalLocation"]["region"]["startLine"] >= 1
    assert [result["level"] for result in run["results"]] == ["error", "warning"]


def test_a_warning_that_was_not_measured_is_said(tmp_path: Path) -> None:
    said = github(verdict(demand(measured=None, severity="warn")), tmp_path)
    assert said.startswith("::warning title=assay gate%3A a.b::a.b could not be measured, must be at most 1\n")


@pytest.mark.parametrize("name", ["strict", "sft", "preference", "smoke", "schema"])
def test_ready_policies_and_the_schema_can_be_read(name: str) -> None:
    done = CliRunner().invoke(app, ["gate", "--show", name])
    assert done.exit_code == 0
    assert ("$schema" in done.stdout, name in done.stdout) == (True, True)


def test_the_plain_gate_imports_nothing_it_does_not_need(finished: Path) -> None:
    import subprocess
    import sys

    heavy = "prefect torch great_expectations transformers minisign cryptography numpy.random checks.catalogue jinja2"
    script = (
        "import sys; from pipelines.cli import app; app(standalone_mode=False);"
        f"print([name for name in {heavy.split()} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "gate", str(finished)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
