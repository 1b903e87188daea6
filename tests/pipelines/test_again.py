"""A release names the command that makes it again: with the flags it had, or with its own manifest."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from pipelines._again import flags_of, next_command
from pipelines.calibration.writing import write_threshold
from schemas.calibration import Evidence
from schemas.errors import SettingsError
from schemas.manifest import MANIFEST, Manifest
from schemas.settings import Settings, load_settings


def made(folder: Path, *sources: str, **settings: Any) -> Path:
    """A folder with the manifest of a release of these settings."""
    manifest = Manifest(
        assay_version="0.1.0",
        run_id="r",
        created="2026-01-01T00:00:00+00:00",
        seed=42,
        sources=list(sources),
        versions={},
        settings=Settings.model_validate(settings).model_dump(mode="json"),
        inputs=[],
        counts={},
        policy={},
        files=[],
    )
    folder.mkdir()
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return folder


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({}, []),
        ({"seed": 7, "policy": "sft"}, ["--seed", "7", "--policy", "sft"]),
        ({"export": {"formats": ["trl", "openai"]}}, ["--to", "trl", "--to", "openai"]),
        (
            {"contamination": {"against": ["gsm 8k.jsonl"]}, "difficulty": {"measure": True}},
            ["--against", "gsm 8k.jsonl", "--difficulty"],
        ),
        ({"ingest": {"licenses": {"*": "MIT"}, "shape": "alpaca"}}, ["--shape", "alpaca", "--license", "MIT"]),
        ({"dedup": {"min_similarity": 0.8, "suspect_similarity": 0.8}}, ["--min-similarity", "0.8"]),
    ],
)
def test_flags_say_what_is_not_the_default(tmp_path: Path, settings: dict[str, Any], flags: list[str]) -> None:
    release = made(tmp_path / "my release", "raw data.jsonl", "more/*.csv", **settings)
    words = shlex.split(next_command(release))
    assert words == ["assay", "curate", "raw data.jsonl", "more/*.csv", "--out", str(release), *flags]


@pytest.mark.parametrize(
    "settings",
    [
        {"dedup": {"min_jaccard": 0.7}},
        {"dedup": {"min_similarity": 0.85, "suspect_similarity": 0.8}},
        {"ingest": {"licenses": {"a*": "MIT", "*": "CC0-1.0"}}},
        {"export": {"formats": []}, "seed": 7},
        {"annotation": {"budget": {"total": 200}}},
    ],
)
def test_what_no_flag_says_is_read_from_the_releases_own_manifest(tmp_path: Path, settings: dict[str, Any]) -> None:
    release = made(tmp_path / "release", "raw.jsonl", **settings)
    words = shlex.split(next_command(release))
    assert words == ["assay", "curate", "raw.jsonl", "--out", str(release), "--config", str(release / MANIFEST)]
    assert load_settings(Path(words[-1])) == Settings.model_validate(settings)


def test_a_threshold_is_not_written_into_a_manifest(tmp_path: Path) -> None:
    release = made(tmp_path / "release", "raw.jsonl")
    before = (release / MANIFEST).read_bytes()
    evidence = Evidence(
        threshold=0.9,
        date="2026-01-01",
        release=f"sha256:{'0' * 64}",
        answers=30,
        said_yes=30,
        skipped=0,
        candidates=50,
        seed=42,
        demanded_precision=0.85,
        precision=1,
        precision_interval=(0.9, 1),
        recall=1,
        recall_interval=(0.9, 1),
        confidence=0.95,
    )
    with pytest.raises(SettingsError, match="is a release's manifest, which may not change"):
        write_threshold(release / MANIFEST, "min_similarity", evidence)
    assert (release / MANIFEST).read_bytes() == before


def test_what_chooses_and_what_doubts_is_said_by_flags() -> None:
    said = {"route": {"min_relevance": 0.2}, "selection": {"target_tokens": 900, "method": "mix"}}
    assert flags_of(said) == ["--min-relevance", "0.2", "--target-tokens", "900", "--select", "mix"]
