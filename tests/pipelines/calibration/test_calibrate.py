"""`assay calibrate` on a real release: answers from a terminal, a pipe, a spreadsheet and Argilla, and what follows."""

import csv
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from pipelines.cli import app

PAIRS = 28  # of the release: each thing is asked about twice

ASSAY_YAML = """\
# Ours.
seed: 42  # as ever
dedup:
    # Not above what QQP says.
    suspect_similarity: 0.8
    min_similarity: 0.9   # a guess
export: {formats: [trl]}
"""


def calibrate(made: Path, *words: Any, answers: str = "") -> Result:
    return CliRunner().invoke(app, ["calibrate", str(made), *map(str, words)], input=answers)


def told(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def kept(home: Path) -> list[dict[str, Any]]:
    """The lines of the one file of answers."""
    (file,) = (home / "calibration").glob("*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "assay.yaml"
    path.write_text(ASSAY_YAML)
    return path


def test_from_answers_to_a_release_that_says_where_its_threshold_comes_from(made, raw, home, config, tmp_path):
    result = calibrate(made, "--config", config, "--yes", answers="y\n" * PAIRS)
    assert result.exit_code == 0, result.stderr
    assert "Explain what a hammer is for." in result.stderr
    assert "What is a hammer used for?" in result.stderr
    assert f"answers     {PAIRS} of {PAIRS} drawn from {PAIRS}" in result.stdout
    assert "recommended 0.80: the lowest threshold with precision at least 0.85" in result.stdout
    assert f"written     min_similarity 0.80 to {config}" in result.stdout

    text = config.read_text()
    assert text.startswith(ASSAY_YAML.replace("min_similarity: 0.9 ", "min_similarity: 0.8 "))
    evidence = yaml.safe_load(text)["calibration"]["min_similarity"]
    assert (evidence["threshold"], evidence["answers"], evidence["said_yes"]) == (0.8, PAIRS, PAIRS)
    assert (evidence["precision"], evidence["recall"], evidence["candidates"]) == (1.0, 1.0, PAIRS)
    assert evidence["precision_interval"][0] == pytest.approx(0.8766)

    out = tmp_path / "again"
    assert CliRunner().invoke(app, ["curate", str(raw), "--out", str(out), "--config", str(config)]).exit_code == 0
    thresholds = json.loads((out / "report.json").read_text())["thresholds"]
    assert (thresholds["min_similarity"]["value"], thresholds["min_similarity"]["origin"]) == (0.8, "calibrated")
    assert thresholds["min_similarity"]["evidence"]["release"] == evidence["release"]
    assert thresholds["min_quality"] == {"value": None, "origin": "default", "evidence": None}
    line = f"min_similarity 0.8 calibrated on {evidence['date']} by {PAIRS} answers: precision 1.00 (0.88 to 1.00)"
    for page in ("README.md", "report.html"):
        assert line in (out / page).read_text()
    # Set by hand since, it is not said to be calibrated.
    config.write_text(config.read_text().replace("min_similarity: 0.8 ", "min_similarity: 0.85 "))
    from pipelines._thresholds import thresholds_of
    from schemas.settings import load_settings

    assert thresholds_of(load_settings(config).model_dump(mode="json")).min_similarity.origin == "set"


def test_each_answer_is_kept_at_once_taken_back_and_gone_on_from(made, home, config):
    first = calibrate(made, "--config", config, answers="yes\nn\nundo\ny\nsomething else\n\ns\nq\n")
    assert first.exit_code == 1
    assert "the same command goes on from here" in first.stderr
    assert [line["answer"] for line in kept(home)[1:]] == ["yes", "no", None, "yes", "skip"]
    assert f"2 of {PAIRS} drawn from {PAIRS}, 1 skipped, {PAIRS - 3} still open" in first.stdout
    # Killed while it wrote: the half line is no answer, and the next one is whole.
    (file,) = (home / "calibration").glob("*.jsonl")
    with file.open("ab") as torn:
        torn.write(b'{"id": "abc", "ans')
    second = calibrate(made, "--config", config, answers="y\n")
    assert f"── 4 of {PAIRS}" in second.stderr
    assert [line["answer"] for line in kept(home)[1:]] == ["yes", "no", None, "yes", "skip", "yes"]
    # The end of the input is a pause, not an answer.
    assert f"3 of {PAIRS} drawn" in second.stdout


def test_without_enough_evidence_nothing_is_written(made, home, config):
    result = calibrate(made, "--config", config, "--yes", answers="y\n" * 5)
    assert result.exit_code == 1
    assert "not enough evidence: no threshold has precision at least 0.85" in result.stdout
    assert "It takes 23 answers at or above a threshold, all of them yes" in result.stdout
    assert config.read_text() == ASSAY_YAML
    figures = told(calibrate(made, "--config", config, "--show", "--json"))
    assert (figures["recommended"], figures["written"], figures["answers"]) == (None, None, 5)
    # But what somebody chooses knowing that is written, with the evidence as it is.
    named = [point["threshold"] for point in figures["points"]]
    assert calibrate(made, "--config", config, "--show", "--choose", named[-1], "--yes").exit_code == 0
    assert yaml.safe_load(config.read_text())["calibration"]["min_similarity"]["precision_interval"][0] < 0.85
    other = calibrate(made, "--config", config, "--show", "--choose", 0.123, "--yes")
    assert other.exit_code == 2
    assert "the curve says nothing at this threshold; choose one of 0.80" in other.stderr


def test_nothing_is_written_unasked(made, home, config):
    result = calibrate(made, "--config", config, answers="y\n" * PAIRS)
    assert result.exit_code == 0
    assert "not written: give --yes to write min_similarity 0.80" in result.stdout
    assert config.read_text() == ASSAY_YAML


def test_a_spreadsheet_takes_the_questions_and_gives_the_answers(made, home, config, tmp_path):
    sheet = tmp_path / "questions.csv"
    assert calibrate(made, "--write-questions", sheet).exit_code == 0
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == PAIRS
    assert {"prompt_a", "completion_a", "prompt_b", "completion_b", "answer", "id"} < set(rows[0])
    # As German spreadsheets save it, one row without an answer, one of another draw.
    lines = [f"{row['id']};{'Yes' if number else ''}" for number, row in enumerate(rows)]
    answered = tmp_path / "answers.csv"
    answered.write_text("\ufeffid;answer\r\n" + "\r\n".join([*lines, "f00:ba4;no"]) + "\r\n", encoding="utf-8")
    result = calibrate(made, "--answers", answered, "--config", config, "--json")
    assert "1 are to no question of this draw and were left" in result.stderr
    assert (told(result)["answers"], told(result)["recommended"]["threshold"]) == (PAIRS - 1, 0.8)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.xlsx", "", "has another ending than .csv and .jsonl"),
        ("a.csv", "id,answer\nx,maybe\n", "line 2 answers 'maybe'; say yes, no or skip"),
        ("a.csv", "name\nx\n", "has no id or no answer"),
        ("a.csv", "id,answer\nx,yes\n", "none of its 1 answers is to a question of this draw"),
        ("a.jsonl", '{"id": "x"\n', "line 1 is not JSON"),
        ("a.jsonl", "[1]\n", "line 1 is no object"),
        ("a.jsonl", "\udcff", "cannot be read (it is not UTF-8)"),
    ],
)
def test_answers_that_are_none_are_refused_in_a_line(name, content, complaint, made, home, tmp_path):
    (tmp_path / name).write_text(content, encoding="utf-8", errors="surrogateescape")
    result = calibrate(made, "--answers", tmp_path / name)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_what_people_decided_in_argilla_counts(made, home):
    from annotation.home import make_home
    from annotation.spending.ledger import locked
    from annotation.store.database import open_store
    from annotation.store.decisions import Decision, record_decisions

    pairs = pl.read_parquet(made / "pairs.parquet").select(
        subject=pl.concat_list("record_a", "record_b").list.sort().list.join(":")
    )
    verdicts = ["different"] * 2 + ["same"] * 3
    make_home()
    with locked(open_store(), "assay", "USD") as lock:
        decisions = [
            Decision(subject, "pair", verdict, None, (), None, None, {}, 1, "single", 1.0)
            for subject, verdict in zip(pairs["subject"], verdicts, strict=False)
        ]
        record_decisions(lock.connection, "assay", decisions)
    result = calibrate(made, answers="y\n" * (PAIRS - 5))
    assert f"answers     {PAIRS - 5} of {PAIRS - 5} drawn from {PAIRS}; 5 decided before" in result.stdout
    figures = told(calibrate(made, "--show", "--json"))
    assert (figures["known"], figures["points"][0]["answers"], figures["points"][0]["yes"]) == (5, PAIRS, PAIRS - 2)
    # What was answered here is known to another draw, and not asked again.
    assert told(calibrate(made, "--show", "--json", "--seed", "7"))["known"] == PAIRS


def test_annotators_in_argilla_are_asked_about_the_pairs_without_being_told_what_the_program_thinks(
    made, home, tmp_path
):
    from annotation.asking.planning import plan
    from pipelines.calibration.course import draw
    from pipelines.calibration.people import as_suspects
    from schemas.settings import AnnotationSettings

    calibrate(made, answers="y\ny\n")
    words = ("--push", "--dry-run", "--config", tmp_path / "none.yaml")
    foreseen = told(calibrate(made, *words, "--json"))
    assert foreseen["tasks"] == PAIRS - 2
    assert "asks for" in calibrate(made, *words).stdout
    drawn = draw(made, "min_similarity", size=PAIRS)
    # A record in two pairs waits once at a time.
    twice = pl.concat(
        [drawn.asked, drawn.asked.head(1).with_columns(b=pl.lit(drawn.asked["b"][1], pl.Int64), id=pl.lit("other"))]
    )
    frames = as_suspects(twice, pl.read_parquet(made / "records.parquet"))
    assert len(frames) == 2
    asked = [plan(frame, descriptions={}, settings=AnnotationSettings(), seed=1, run_id="x").tasks for frame in frames]
    assert {task.subject for task in asked[0]} == set(drawn.asked["id"])
    assert [task.record_id in task.subject for task in asked[1]] == [True]
    assert {task.kind.value for task in asked[0]} == {"pair"}
    assert {task.fields["why"] for task in asked[0]} == {"A program suspects that these two records say the same."}
    records = calibrate(made, "--of", "records", "--push")
    assert (records.exit_code, "--push: gives out pairs" in records.stderr) == (2, True)


def test_a_draw_outlives_the_release_that_is_made_again_with_what_people_said(made, home):
    from annotation.home import make_home
    from annotation.spending.ledger import locked
    from annotation.store.database import open_store
    from annotation.store.decisions import Decision, record_decisions

    asked = told(calibrate(made, "--show", "--json", "--size", 10))
    assert (asked["answers"], asked["drawn"]) == (0, 10)
    ids = [line["id"] for line in _written(made, home, 10)]
    make_home()
    with locked(open_store(), "assay", "USD") as lock:
        said = [Decision(name, "pair", "same", None, (), None, None, {}, 1, "single", 1.0) for name in ids]
        record_decisions(lock.connection, "assay", said)
    # Said after the draw they are its answers, and nothing that was known before it.
    after = told(calibrate(made, "--show", "--json", "--size", 10))
    assert (after["answers"], after["known"]) == (10, 0)


def _written(made: Path, home: Path, size: int) -> list[dict[str, Any]]:
    path = home.parent / "questions.jsonl"
    calibrate(made, "--write-questions", path, "--size", size)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_records_have_a_threshold_too(made, home, config, tmp_path):
    questions = tmp_path / "records.jsonl"
    assert calibrate(made, "--of", "records", "--write-questions", questions).exit_code == 0
    quality = dict(pl.read_parquet(made / "records.parquet").select("record_id", "quality").iter_rows())
    asked = [json.loads(line) for line in questions.read_text().splitlines()]
    bar = sorted(quality[row["id"]] for row in asked)[3]
    answers = [{"id": row["id"], "answer": "no" if quality[row["id"]] < bar else "yes"} for row in asked]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in answers))
    words = ("--of", "records", "--answers", path, "--config", config, "--precision", "0.5", "--json")
    needless = told(calibrate(made, *words))
    assert (needless["needless"], needless["recommended"], needless["written"]) == (True, None, None)
    figures = told(
        calibrate(made, *words, "--choose", max(point["threshold"] for point in needless["points"]), "--yes")
    )
    assert figures["setting"] == "route.min_quality"
    assert yaml.safe_load(config.read_text())["route"]["min_quality"] == figures["points"][-1]["threshold"]


def test_a_record_below_the_threshold_or_without_a_score_goes_to_people():
    from pipelines.route import route

    none: list[str] = []
    frame = pl.DataFrame(
        {
            "quality": [0.9, 0.5, 0.4, None],
            "review_reasons": [none] * 4,
            "suspicion": [none] * 4,
            "decision": [None] * 4,
        },
        schema_overrides={"review_reasons": pl.List(pl.String), "suspicion": pl.List(pl.String)},
    ).with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in ("suspicion_twin", "suspicion_detail", "decision_detail", "suspicion_similarity")
    )
    sent = route(frame, min_quality=0.5)
    assert sent.kept["quality"].to_list() == [0.9, 0.5]
    assert sent.dropped["quality"].to_list() == [0.4, None]
    assert sent.dropped["reasons"].to_list() == [["quality.low"]] * 2
    assert route(frame).kept.height == 4


def test_an_altered_release_is_no_evidence(made, home, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    with (copy / "pairs.parquet").open("ab") as file:
        file.write(b"x")
    result = calibrate(copy)
    assert result.exit_code == 2
    assert "pairs.parquet: was altered after the release was made" in result.stderr


def test_a_key_is_enough_in_a_terminal_and_its_colours_are_the_readers(made, home, tmp_path):
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "pipelines.cli", "calibrate", str(made), "--config", str(tmp_path / "a.yaml")]
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root), "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        words, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=environment, cwd=root
    ) as child:
        os.close(theirs)
        shown = b""
        for keys in (b"y", b"\x1b[A", b"yn", b"u", b"q"):
            while not shown.endswith(b"[q]uit\r\n"):
                shown += os.read(ours, 4096)
            shown += b" "
            os.write(ours, keys)
        stdout = child.communicate(timeout=60)[0].decode()
    os.close(ours)
    assert [line["answer"] for line in kept(home)[1:]] == ["yes", "yes", "no", None]
    assert f"2 of {PAIRS} drawn" in stdout
    # Bold and faint, and no colour that a background could swallow.
    import re

    assert set(re.findall(rb"\x1b\[[0-9;]*m", shown)) == {b"\x1b[0m", b"\x1b[1m", b"\x1b[2m"}
