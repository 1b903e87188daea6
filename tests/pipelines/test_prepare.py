"""A mistake in the call is told at once, before a row is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines._prepare import gather, refuse_hopeless, refuse_unknown
from pipelines._stages import Run
from schemas.errors import AssayError, BenchmarkError, PolicyError, SettingsError, SourceError, UsageError
from schemas.policy import DEFAULT_POLICY
from schemas.settings import Settings


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"instruction": "Name a tree.", "output": "The oak is a tree."}\n')
    return folder


def refusal(sources: list[Any], out: Path, **settings: Any) -> AssayError:
    with pytest.raises(AssayError) as caught:
        refuse_hopeless([str(source) for source in sources], out, Settings.model_validate(settings))
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_sound_call_passes(raw: Path, tmp_path: Path, store: Path) -> None:
    refuse_hopeless([str(raw)], tmp_path / "out", Settings())
    refuse_hopeless([f"{raw}/*.jsonl", "s3://bucket/data.jsonl"], raw / "out", Settings())


@pytest.mark.parametrize("named", ["{raw}", "{raw}/", "{raw}/../raw", "file://{raw}"])
def test_a_run_that_would_write_into_its_source_is_refused(raw: Path, store: Path, named: str) -> None:
    error = refusal([named.format(raw=raw)], raw / "deep" / "out")
    assert isinstance(error, UsageError)
    assert "lies in the source" in str(error)
    assert "choose a folder outside" in str(error)


def test_a_link_hides_no_overlap(raw: Path, tmp_path: Path, store: Path) -> None:
    (tmp_path / "link").symlink_to(raw)
    assert "lies in the source" in str(refusal([raw], tmp_path / "link" / "out"))


@pytest.mark.parametrize("named", ["{raw}/a.jsonl", "{raw}", "{raw}/**/*.jsonl"])
def test_a_run_that_would_overwrite_its_source_is_refused(raw: Path, store: Path, named: str) -> None:
    error = refusal([named.format(raw=raw)], raw)
    assert "holds the source" in str(error)


def test_when_no_source_is_there_each_is_named(raw: Path, tmp_path: Path, store: Path) -> None:
    error = refusal(["gone.jsonl", "lost.csv"], tmp_path / "out")
    assert isinstance(error, SourceError)
    assert str(error) == "gone.jsonl: does not exist; check the path | lost.csv: does not exist; check the path"
    # Beside a good one it is the run that reports it.
    refuse_hopeless([str(raw), "gone.jsonl"], tmp_path / "out", Settings())


def test_names_that_are_no_text_cannot_stand_in_a_report(tmp_path: Path, store: Path) -> None:
    assert "is not a UTF-8 name" in str(refusal(["bad\udcff.jsonl"], tmp_path / "out"))


def test_settings_that_only_a_stage_understands_are_understood_now(raw: Path, tmp_path: Path, store: Path) -> None:
    out = tmp_path / "out"
    assert "--shape triangle: no such shape" in str(refusal([raw], out, ingest={"shape": "triangle"}))
    unknown = refusal([raw], out, validation={"severities": {"refusal.ful": "drop"}})
    assert isinstance(unknown, SettingsError)
    assert "did you mean refusal.full" in str(unknown)
    assert "is not a folder with a model" in str(refusal([raw], out, dedup={"model": "./nowhere"}))


def test_a_policy_is_read_and_its_figures_known_before_the_run(raw: Path, tmp_path: Path, store: Path) -> None:
    policy = tmp_path / "policy.yaml"
    out = tmp_path / "out"
    assert "nowhere.yaml: cannot be read" in str(refusal([raw], out, policy="nowhere.yaml"))
    policy.write_text("demands: [")
    assert "is not YAML" in str(refusal([raw], out, policy=str(policy)))
    policy.write_text("demands:\n  - figure: rows.relased\n    min: 1\n")
    error = refusal([raw], out, policy=str(policy))
    assert isinstance(error, PolicyError)
    assert str(error).startswith("rows.relased: no report of this run can have such a figure")


@pytest.mark.parametrize(
    "figure",
    [
        *(demand.figure for demand in DEFAULT_POLICY.demands),
        "rows.outcomes.duplicate", "checks.refusal.full.failed", "checks.checked", "exports.trl.refused",
        "tokens.quantiles.0.5", "diversity.vendi", "languages.de", "duplicates.removed_at.0.9",
        "splits.leakage.max_similarity", "run.embedding_model", "run.settings.dedup.min_similarity",
        "run.versions.polars", "contamination.by_benchmark.holdout.jsonl",
    ],
)  # fmt: skip
def test_what_a_report_can_have_may_be_demanded(figure: str) -> None:
    refuse_unknown(figure, Settings())


@pytest.mark.parametrize(
    "figure",
    [
        "rows", "rows.released.more", "row.released", "", ".", "checks", "checks.refusal", "checks.refusal.full",
        "checks.refusal.ful.failed", "checks.families", "exports.openai.rows", "exports.trl", "exports",
        "selection.selected", "diversity.nearest.edges", "gate.passed", "previous.passed", "languages", "rows.outcomes",
        "tokens.quantiles",
    ],
)  # fmt: skip
def test_what_no_report_can_have_may_not(figure: str) -> None:
    with pytest.raises(PolicyError, match="no report of this run can have such a figure"):
        refuse_unknown(figure, Settings())


def test_what_was_asked_for_may_be_demanded() -> None:
    asked = Settings.model_validate({"selection": {"target_size": 5}, "export": {"formats": ["openai"]}})
    refuse_unknown("selection.chosen.vendi", asked)
    refuse_unknown("exports.openai.rows", asked)
    with pytest.raises(PolicyError):
        refuse_unknown("exports.trl.rows", asked)
    silent = Settings.model_validate({"validation": {"severities": {"refusal.full": "off"}}})
    with pytest.raises(PolicyError):
        refuse_unknown("checks.refusal.full.failed", silent)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "benchmark .*bench.jsonl: holds no rows"),
        ("<html>", "benchmark .*bench.jsonl: "),
        (json.dumps({"question": "?!", "answer": "none"}), "bench.jsonl: has no question to compare with"),
    ],
)
def test_a_benchmark_without_questions_is_an_error(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text(content)
    settings = Settings.model_validate({"contamination": {"against": [str(path)]}})
    with pytest.raises(BenchmarkError, match=complaint):
        gather(Run(tmp_path, tmp_path / "out", ("raw",), settings, "2026-01-31T00:00:00+00:00"))
