"""`assay cache` says what is stored; `assay cache prune` deletes it, and nothing else."""

import json
import os
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cache.home import default_cache, local_folder
from pipelines.cache.keys import text_keys
from pipelines.cache.store import Store
from pipelines.cli import app

SCHEMA = pl.Schema({"n": pl.Int64()})


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tokens used today, and checks used forty days ago."""
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    frame = pl.DataFrame({"key": text_keys(pl.Series(["sea", "hill"])), "n": [3, 4]})
    for kind in ("tokens", "checks"):
        Store(default_cache(), kind, "v1", SCHEMA).save(frame)
    long_ago = time.time() - 40 * 86_400
    (checks,) = tmp_path.glob("checks/v1/*.parquet")
    os.utime(checks, (long_ago, long_ago))
    return tmp_path


def assay(*words: str) -> Any:
    return CliRunner().invoke(app, ["cache", *words])


def test_it_says_where_and_what(filled: Path) -> None:
    said = assay()
    assert said.exit_code == 0
    place, checks, tokens, every = said.stdout.splitlines()
    assert place == str(filled)
    assert "1 file   checks, last used 20" in checks
    assert "1 file   tokens, last used 20" in tokens
    assert "2 files  in all" in every


def test_a_machine_is_told_the_same(filled: Path) -> None:
    said = json.loads(assay("--json").stdout)
    assert said["place"] == str(filled)
    assert [kind["kind"] for kind in said["kinds"]] == ["checks", "tokens"]
    assert said["files"] == 2
    assert said["bytes"] == sum(path.stat().st_size for path in filled.rglob("*.parquet"))
    assert said["kinds"][0]["last_used"] < said["kinds"][1]["last_used"]


def test_what_was_long_unused_is_pruned(filled: Path) -> None:
    freed = json.loads(assay("prune", "--older-than", "30", "--json").stdout)
    assert freed["files"] == 1
    assert [path.parent.parent.name for path in filled.rglob("*.parquet")] == ["tokens"]


@pytest.mark.parametrize(("size", "left"), [("1GB", 2), ("{one} b", 1), ("0.1 kB", 0), ("0", 0)])
def test_a_size_is_kept(filled: Path, size: str, left: int) -> None:
    one = max(path.stat().st_size for path in filled.rglob("*.parquet"))
    assert assay("prune", "--max-size", size.format(one=one)).exit_code == 0
    assert len(list(filled.rglob("*.parquet"))) == left


def test_everything_is_pruned_where_nothing_is_said(filled: Path) -> None:
    (filled / "notes.txt").write_text("mine")
    assert assay("prune").stdout.startswith("2 files deleted, 0.0 MB freed")
    assert [path.name for path in filled.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["prune", "--max-size", "much"], "assay: --max-size much: is not a size; say 10GB or 500MB"),
        (["prune", "--older-than", "-1"], "--older-than"),
        (["prune", "--older-than", "old"], "--older-than"),
    ],
)
def test_what_cannot_be_meant_is_refused(filled: Path, words: list[str], part: str) -> None:
    said = assay(*words)
    assert said.exit_code == 2
    assert said.stderr.count("\n") == 1
    assert part in said.stderr
    assert len(list(filled.rglob("*.parquet"))) == 2


def test_a_place_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", "nosuch://bucket")
    for words in ([], ["prune"]):
        said = assay(*words)
        assert said.exit_code == 2
        assert said.stderr.startswith("assay: cache nosuch://bucket: ")
        assert said.stderr.endswith("check ASSAY_CACHE and the rights to what it names\n")


def test_a_place_without_anything_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "later"))
    assert assay().stdout.splitlines() == [str(tmp_path / "later"), "        0.0 MB       0 files  in all"]
    assert assay("prune").stdout == "0 files deleted, 0.0 MB freed\n"


def test_a_store_behind_a_url_is_shown_and_pruned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", "memory://shared/assay")
    frame = pl.DataFrame({"key": text_keys(pl.Series(["sea"])), "n": [3]})
    Store(default_cache(), "tokens", "v1", SCHEMA).save(frame)
    assert "tokens" in assay().stdout
    assert "1 file deleted" in assay("prune").stdout
    assert "tokens" not in assay().stdout


def test_the_place_is_the_platforms_unless_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == str(tmp_path / "assay")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == str(Path.home() / ".cache" / "assay")
    assert local_folder(f"file://{tmp_path}") == tmp_path
