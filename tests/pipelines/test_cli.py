"""What a person or a script gets from the command line: exit codes, one clear line, results on stdout."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines.cli import app

GOOD = [
    {"instruction": "Name the capital of France.", "output": "The capital of France is Paris."},
    {"instruction": "Write one sentence about the sea.", "output": "The sea was grey and calm today."},
    {"instruction": "What is a hammer for?", "output": "A hammer drives nails into wood."},
]


def assay(*words: Any) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def refused(result: Result, *words: str) -> None:
    """Exit 2, one line on stderr that says so, nothing on stdout."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("assay: ")]
    assert result.exit_code == 2, result.stderr
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    for word in words:
        assert word in lines[0]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in GOOD))
    return path


HOSTILE: dict[str, tuple[str, bytes]] = {
    "html": ("page.json", b"<!DOCTYPE html><html><body>404</body></html>"),
    "lfs": ("big.json", b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n"),
    "truncated": ("cut.json.gz", gzip.compress(json.dumps(GOOD * 500).encode())[:-200]),
    "utf8": ("latin.jsonl", b"\xff\xfe\xfa\xfb\n" * 20),
    "nul": ("nul.jsonl", b"\x00" * 4096),
    "numbers": ("numbers.jsonl", b'{"instruction": 1, "output": 2}\n' * 5),
    "deep": ("deep.json", b"[" * 100_000),
    "empty": ("empty.jsonl", b""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_not_data_is_one_line_and_exit_2(
    prefect_server: None, store: Path, tmp_path: Path, name: str
) -> None:
    file, content = HOSTILE[name]
    (tmp_path / file).write_bytes(content)
    refused(assay("curate", tmp_path / file, "--out", tmp_path / "out"), file)
    assert not (tmp_path / "out").exists()


def test_beside_a_good_source_it_is_named_and_the_good_one_goes_on(
    prefect_server: None, store: Path, tmp_path: Path, good: Path
) -> None:
    bad = tmp_path / "page.json"
    bad.write_bytes(HOSTILE["html"][1])
    result = assay("curate", good, bad, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    assert "refused" in result.stderr
    assert "page.json" in result.stderr
    report = json.loads(result.stdout)
    assert [file["status"] for file in report["sources"]["files"]] == ["read", "refused"]
    assert (report["rows"]["ledger"], report["rows"]["reconciles"]) == (3, True)
    assert report["gate"]["passed"] is False


def test_a_directory_that_contains_itself(prefect_server: None, store: Path, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.mkdir()
    (loop / "again").symlink_to(loop)
    refused(assay("curate", loop, "--out", tmp_path / "out"), "loop")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "csv"], "export.formats"),
        (["--shape", "triangle"], "--shape triangle: no such shape"),
        (["--seed", "-1"], "seed"),
        (["--seed", "many"], "--seed"),
        (["--target-size", "0"], "selection.target_size"),
        (["--target-size", "2", "--target-tokens", "9"], "give target_size or target_tokens, not both"),
        (["--select", "k-center"], "chooses nothing without target_size or target_tokens; give one"),
        (["--select", "best", "--target-size", "2"], "selection.method: Input should be 'quality', 'deita',"),
        (["--select", "difficulty", "--target-size", "2"], "was not measured; add --difficulty"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["--policy", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["--model", "./nowhere"], "./nowhere: is not a folder with a model"),
        (["--against", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--previous", "nowhere"], "nowhere"),
    ],
)
def test_a_call_that_cannot_work_says_so(
    prefect_server: None, store: Path, tmp_path: Path, good: Path, words: list[str], said: str
) -> None:
    refused(assay("curate", good, "--out", tmp_path / "out", *words), said)


def test_a_policy_with_an_unknown_figure_is_refused_before_anything_is_read(tmp_path: Path, good: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("demands:\n  - figure: rows.relased\n    min: 1\n")
    refused(assay("curate", good, "--out", tmp_path / "out", "--policy", policy), "rows.relased")


def test_an_empty_benchmark_is_an_error_and_never_zero_contaminated(
    prefect_server: None, store: Path, tmp_path: Path, good: Path
) -> None:
    (tmp_path / "bench.jsonl").write_text("")
    refused(assay("curate", good, "--out", tmp_path / "out", "--against", tmp_path / "bench.jsonl"), "bench.jsonl")


def test_the_out_folder_may_not_hold_the_source_nor_lie_in_it(tmp_path: Path, good: Path) -> None:
    refused(assay("curate", tmp_path, "--out", tmp_path / "out"), "out")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("x")
    refused(assay("curate", good, "--out", tmp_path / "thesis"), "not a release of Assay")
    refused(assay("curate", good, "--out", good), "--out")


def test_when_every_row_is_dropped_the_gate_fails_and_the_report_says_why(
    prefect_server: None, store: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"instruction": "Say something", "output": ""}\n' * 3)
    result = assay("curate", path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "FAILED" in result.stdout
    assert assay("gate", tmp_path / "out").exit_code == 1
    ledger = pl.read_parquet(tmp_path / "out" / "ledger.parquet")
    assert ledger["outcome"].to_list() == ["dropped"] * 3


def test_a_failing_second_run_leaves_the_first_release_whole(
    prefect_server: None, store: Path, tmp_path: Path, finished: Path
) -> None:
    out = tmp_path / "release"
    shutil.copytree(finished, out)
    (tmp_path / "page.json").write_bytes(HOSTILE["html"][1])
    refused(assay("curate", tmp_path / "page.json", "--out", out), "page.json")
    assert assay("gate", out).exit_code == 0


def test_a_subset_is_told_beside_its_baselines(prefect_server: None, store: Path, tmp_path: Path, good: Path) -> None:
    said = assay("curate", good, "--out", tmp_path / "out", "--target-size", 2).stdout
    line = next(line for line in said.splitlines() if line.startswith("selection"))
    assert line.split()[1:4] == ["2", "of", "2"]
    assert "quality, then spread" in line
    assert "| random" in line
    assert "| longest response" in line
    assert "same tokens random" in said


def test_gate_and_report_speak_json(finished: Path) -> None:
    assert json.loads(assay("gate", finished, "--json").stdout)["passed"] is True
    assert json.loads(assay("report", finished, "--json").stdout)["rows"]["reconciles"] is True


def test_gate_cannot_judge_what_is_not_there(tmp_path: Path) -> None:
    refused(assay("gate", tmp_path / "nowhere"), "is not a folder")
    refused(assay("gate", tmp_path), "no run finished here")


def test_explain_tells_a_duplicate_and_an_unreadable_row(finished: Path, source: Path) -> None:
    told = assay("explain", finished, f"{source}:2")
    assert told.exit_code == 0
    assert "duplicate.exact" in told.stdout
    lost = assay("explain", finished, f"{source}:16")
    assert "the row could not be read" in lost.stdout
    assert "unreadable.json" in lost.stdout
    story = json.loads(assay("explain", finished, f"{source}:5", "--json").stdout)
    assert story[0]["reasons"][0] == "structure.empty_completion"


def test_explain_refuses_what_names_nothing(finished: Path) -> None:
    refused(assay("explain", finished, "ffffffffffff"), "no row of")
    refused(assay("explain", finished, "ab"), "too short")


def test_export_of_a_finished_release(finished: Path, tmp_path: Path) -> None:
    done = assay("export", finished, "--to", "litgpt", "--out", tmp_path / "litgpt")
    assert done.exit_code == 0
    assert json.loads((tmp_path / "litgpt" / "train.json").read_text())[0].keys() >= {"instruction", "output"}
    refused(assay("export", finished, "--to", "csv", "--out", tmp_path / "csv"), "csv", "trl")


def test_cache_shows_and_prunes(store: Path, finished: Path) -> None:
    assert str(store) in assay("cache").stdout
    assert os.listdir(store / "embeddings")
    assert "files deleted" in assay("cache", "prune", "--older-than", "1").stdout


def test_without_words_the_help_is_shown() -> None:
    assert "curate" in assay("--help").stdout


def test_report_opens_its_page_in_a_browser_and_says_where_there_is_none(finished: Path, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n')
    browser.chmod(0o755)
    call = [sys.executable, "-m", "pipelines.cli", "report", str(finished), "--open"]
    here = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": str(tmp_path)}
    done = subprocess.run(call, env={**here, "BROWSER": str(browser)}, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert opened.read_text() == (finished / "report.html").resolve().as_uri()
    alone = subprocess.run(call, env=here, capture_output=True, text=True, timeout=120)
    assert alone.returncode == 0
    assert f"not shown   no browser is found here; open {finished / 'report.html'}" in alone.stderr
