"""A folder holds one release: the old one whole, or the new one whole."""

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.embedding.encoder import Encoder
from pipelines.gate import gate, report_of
from schemas.errors import PolicyError, ReleaseError, SettingsError

GOOD = [
    {"instruction": "Explain to a child of six why the sky is blue in the morning", "output": "Air scatters light."},
    {"instruction": "Explain to a child of six why the sky is red in the morning", "output": "Sunbeams travel far."},
    {"instruction": "Tell me a long story about a fox near a lake", "output": "Once there lived a fox. It swam."},
    {"instruction": "Tell me a long story about a fox near a river", "output": "Long ago some clever animal ran."},
]


def assay(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def contents(release: Path) -> dict[str, bytes]:
    return {str(path.relative_to(release)): path.read_bytes() for path in release.rglob("*") if path.is_file()}


@pytest.fixture
def release(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "release"))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "other.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in GOOD))
    return path


def test_a_second_run_takes_the_place_of_the_first_wholly(release: Path, other: Path) -> None:
    (release / "notes.txt").write_text("mine")
    assert (release / "exports" / "openai").is_dir()
    result = assay("curate", other, "--out", release)
    assert result.exit_code in (0, 1), result.stderr
    assert os.listdir(release / "exports") == ["trl"]
    assert set(pl.read_parquet(release / "ledger.parquet")["source"]) == {str(other)}
    assert gate(release).passed == (result.exit_code == 0)
    assert (release / "notes.txt").read_text() == "mine"
    assert not {".work", ".lock"} & set(os.listdir(release))


@pytest.mark.usefixtures("prefect_server", "store")
def test_a_run_that_fails_while_it_writes_leaves_the_first_release_whole(
    release: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(release)

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipelines._card.write_card", no_room)
    result = assay("curate", other, "--out", release)
    assert result.exit_code == 2
    assert "the disk is full: free some room; then run the same command again" in result.stderr
    assert contents(release) == before
    assert gate(release).passed


def test_a_source_named_by_a_relative_path_is_watched_from_anywhere(
    prefect_server: None, store: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert assay("curate", "other.jsonl", "--out", "runs/new").exit_code in (0, 1)
    monkeypatch.chdir("/")
    gate(tmp_path / "runs" / "new")
    other.write_text(other.read_text() + "\n")
    with pytest.raises(ReleaseError, match=r"other\.jsonl: has changed since the release was made"):
        gate(tmp_path / "runs" / "new")


def test_a_figure_that_only_this_data_lacks_leaves_a_release_that_is_not_judged(
    prefect_server: None, store: Path, other: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("demands:\n  - figure: languages.sw\n    min: 1\n")
    result = assay("curate", other, "--out", tmp_path / "out", "--policy", policy)
    assert result.exit_code == 2
    assert "languages.sw: the report has no such figure, did you mean languages.en?; languages has en" in result.stderr
    assert report_of(tmp_path / "out").gate is None
    with pytest.raises(PolicyError):
        gate(tmp_path / "out")
    policy.write_text("demands:\n  - figure: rows.released\n    min: 1\n")
    assert gate(tmp_path / "out", policy).passed


def test_another_min_similarity_embeds_nothing_again(
    prefect_server: None, store: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = json.loads(assay("curate", other, "--out", tmp_path / "out", "--json").stdout)
    monkeypatch.setattr(Encoder, "_embed", lambda *_: pytest.fail("embedded again"))
    # Low enough for pairs of questions to be compared by their answers that were not before.
    result = assay("curate", other, "--out", tmp_path / "out", "--json", "--min-similarity", 0.85)
    again = json.loads(result.stdout)
    assert again["duplicates"]["semantic"]["threshold"] == 0.85
    assert again["duplicates"]["conflicts"] > first["duplicates"]["conflicts"]


def test_a_release_is_no_raw_data(finished: Path, other: Path, tmp_path: Path) -> None:
    alone = assay("curate", finished, "--out", tmp_path / "out")
    assert alone.exit_code == 2
    assert "is a release of Assay and no raw data; name its splits folder" in alone.stderr
    beside = assay("curate", finished, other, "--out", tmp_path / "out", "--json")
    assert beside.exit_code == 1
    assert [file["status"] for file in json.loads(beside.stdout)["sources"]["files"]] == ["refused", "read"]


def test_a_deployment_hears_of_bad_settings_in_one_line(prefect_server: None, tmp_path: Path) -> None:
    from pipelines.flow import curate

    with pytest.raises(SettingsError, match=r"settings: dedup\.min_similarty: unknown key"):
        curate(["raw.jsonl"], str(tmp_path / "out"), {"dedup": {"min_similarty": 0.9}})
