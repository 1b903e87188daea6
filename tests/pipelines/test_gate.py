"""The gate passes what holds, fails what does not, and judges nothing that was touched."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.gate import figures_of, gate, judge, lookup, report_of, require
from schemas.errors import GateFailed, PolicyError, ReleaseError
from schemas.policy import DEFAULT_POLICY, Demand, Policy
from schemas.report import Report


@pytest.fixture
def release(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "release"))


def policy_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return path


def one_demand(report: Report, figure: str, **bounds: Any) -> tuple[bool, Any]:
    result = judge(report, Policy(demands=(Demand(figure=figure, **bounds),))).demands[0]
    return result.passed, result.measured


def test_an_untouched_release_is_judged_as_it_was_when_it_was_made(finished: Path) -> None:
    verdict = gate(finished)
    assert verdict == report_of(finished).gate
    assert verdict.passed
    assert require(finished).passed


@pytest.mark.parametrize(
    "name",
    ["splits/train.jsonl", "splits/test.jsonl", "ledger.parquet", "records.parquet", "report.json", "report.html",
     "README.md", "exports/trl/sft/train.jsonl", "exports/openai/refused.jsonl", "data_docs/index.html"],
)  # fmt: skip
def test_a_changed_file_is_found(release: Path, name: str) -> None:
    with (release / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ReleaseError, match=f"{name}: was altered after the release was made"):
        gate(release)


def test_a_missing_file_and_a_planted_one_are_found(release: Path) -> None:
    (release / "splits" / "more.jsonl").write_text("{}")
    with pytest.raises(ReleaseError, match=r"more\.jsonl: was added after the release was made"):
        gate(release)
    (release / "splits" / "more.jsonl").unlink()
    (release / "splits" / "test.jsonl").unlink()
    with pytest.raises(ReleaseError, match=r"test\.jsonl: is missing from the release"):
        gate(release)


def test_without_a_manifest_there_is_no_release(release: Path, tmp_path: Path) -> None:
    (release / "manifest.json").write_text("{ half")
    with pytest.raises(ReleaseError, match="cannot be read as a manifest"):
        gate(release)
    (release / "manifest.json").unlink()
    with pytest.raises(ReleaseError, match="so no run finished here"):
        gate(release)
    with pytest.raises(ReleaseError, match="is not a folder"):
        gate(tmp_path / "nowhere")


def test_a_source_that_changed_since_makes_the_release_stale_and_one_that_is_gone_does_not(
    release: Path, source: Path, tmp_path: Path
) -> None:
    kept = source.read_bytes()
    try:
        source.write_bytes(kept + b"\n")
        with pytest.raises(ReleaseError, match=r"tasks\.jsonl: has changed since the release was made"):
            gate(release)
        source.unlink()
        assert gate(release).passed
    finally:
        source.write_bytes(kept)


def test_a_report_of_another_run_is_not_believed(release: Path) -> None:
    from pipelines._manifest import files_in, read_manifest, write_manifest

    manifest = read_manifest(release).model_copy(update={"run_id": "0" * 16})
    write_manifest(manifest.model_copy(update={"files": files_in(release)}), release)
    with pytest.raises(ReleaseError, match="is of another run than the manifest"):
        gate(release)


def test_a_policy_can_demand_any_figure(finished: Path) -> None:
    report = report_of(finished)
    assert one_demand(report, "checks.refusal.full.failed", max=0) == (False, 1)
    assert one_demand(report, "checks.refusal.full.released", max=0) == (True, 0)
    assert one_demand(report, "rows.outcomes.duplicate", min=1, max=1) == (True, 1)
    assert one_demand(report, "exports.trl.refused", max=0) == (True, 0)
    assert one_demand(report, "tokens.quantiles.0.5", min=1)[0]
    assert one_demand(report, "rows.reconciles", equals=True) == (True, True)
    assert one_demand(report, "run.embedding_model", equals="builtin") == (True, "builtin")


def test_what_was_not_measured_never_passes(finished: Path) -> None:
    report = report_of(finished)
    bare = report.model_copy(update={"diversity": report.diversity.model_copy(update={"vendi": None})})
    assert one_demand(bare, "diversity.vendi", min=0) == (False, None)
    assert one_demand(bare, "diversity.vendi", max=10**9) == (False, None)


def test_a_flag_is_no_number_and_a_word_has_no_size(finished: Path) -> None:
    report = report_of(finished)
    assert one_demand(report, "rows.reconciles", min=0) == (False, True)
    assert one_demand(report, "rows.reconciles", equals=1) == (False, True)
    assert one_demand(report, "run.embedding_model", min=0)[0] is False


def test_a_warning_does_not_fail_the_gate(finished: Path) -> None:
    demands = (Demand(figure="rows.released", min=10**6, severity="warn"),)
    verdict = judge(report_of(finished), Policy(demands=demands))
    assert verdict.passed
    assert not verdict.demands[0].passed


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "policy_version: 1\ndemands:\n  - figure: rows.relased\n    min: 1\n",
            "rows.relased: the report has no such figure",
        ),
        ("policy_version: 1\ndemands:\n  - figure: rows\n    min: 1\n", "rows: is a group of figures"),
        ("policy_version: 1\ndemands:\n  - figure: rows.released\n    minimum: 1\n", "minimum: unknown key"),
        ("policy_version: 1\ndemands:\n  - figure: rows.released\n", "a demand needs min, max or equals"),
        ("policy_version: 2\ndemands: []\n", "policy_version: Input should be 1"),
        ("policy_version: 1\ndemands: []\n", "demands: Tuple should have at least 1 item"),
        ("demand:\n  - figure: rows.released\n    min: 1\n", "demands: Field required"),
        ("", "the file: Input should be a valid dictionary"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_policy_that_means_nothing_is_an_error(finished: Path, tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(PolicyError) as caught:
        gate(finished, policy_file(tmp_path, text))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stricter_policy_fails_and_the_training_script_stops(finished: Path, tmp_path: Path) -> None:
    strict = policy_file(tmp_path, "name: strict\ndemands:\n  - figure: rows.released\n    min: 1000\n")
    assert not gate(finished, strict).passed
    with pytest.raises(GateFailed, match=r"policy 'strict' is not met: rows\.released is \d+"):
        require(finished, strict)


def test_zero_valid_rows_fails(finished: Path) -> None:
    report = report_of(finished)
    empty = report.model_copy(update={"rows": report.rows.model_copy(update={"released": 0})})
    assert not judge(empty, DEFAULT_POLICY).passed


def test_every_default_demand_names_a_figure_that_exists(finished: Path) -> None:
    figures = figures_of(report_of(finished))
    for demand in DEFAULT_POLICY.demands:
        assert lookup(figures, demand.figure) is not None


def test_the_report_fits_its_schema(finished: Path) -> None:
    import jsonschema

    schema = json.loads((finished / "report.schema.json").read_text())
    jsonschema.validate(json.loads((finished / "report.json").read_text()), schema)
