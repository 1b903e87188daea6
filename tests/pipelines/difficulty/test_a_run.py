"""`--difficulty` from end to end: in the records, the report, the page, the row's story, and the second run."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cli import app

PAIRS = (
    ("Repeat exactly: the grey heron stands in the shallow river.", "The grey heron stands in the shallow river."),
    ("Write one sentence about the sea.", "The sea was grey and calm that day, and nobody sailed."),
    ("Explain what a sextant is for.", "A sextant is used to find a ship's place by the stars."),
    ("Is the earth round?", "Yes"),
    ("What does a kettle do in a kitchen?", "A kettle boils water for tea, coffee or soup."),
)
TASKS = [{"instruction": prompt, "output": answer} for prompt, answer in PAIRS]
TALKS = [
    {
        "messages": [
            {"role": "user", "content": "Which gas do plants take from the air?"},
            {"role": "assistant", "content": "They take carbon dioxide from it."},
            {"role": "user", "content": "And what do they give back to it?"},
            {"role": "assistant", "content": "They give back oxygen, which we breathe."},
        ]
    }
]


@pytest.fixture(scope="module")
def released(cache: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("run")
    for name, rows in (("tasks.jsonl", TASKS), ("talks.jsonl", TALKS)):
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    before = {name: os.environ.get(name) for name in ("ASSAY_CACHE", "PREFECT_API_URL")}
    os.environ |= {"ASSAY_CACHE": cache, "PREFECT_API_URL": ""}
    yield folder
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def curate(folder: Path, out: str, *more: str) -> tuple[str, str, int]:
    sources = [str(folder / "tasks.jsonl"), str(folder / "talks.jsonl")]
    done = CliRunner().invoke(app, ["curate", *sources, "--out", str(folder / out), *more])
    return done.stdout, done.stderr, done.exit_code


@pytest.mark.slow
def test_a_run_measures_says_and_remembers(released: Path) -> None:
    out, told, code = curate(released, "first", "--difficulty")
    assert code in (0, 1), told
    [line] = [line for line in out.splitlines() if line.startswith("difficulty")]
    assert "median ratio of losses 0." in line
    assert ", of perplexities 0." in line
    assert line.endswith("(SmolLM2-135M-Instruct)")
    records = pl.read_parquet(released / "first" / "records.parquet")
    report = json.loads((released / "first" / "report.json").read_text())["difficulty"]
    free = records.filter(pl.col("outcome").is_in(["train", "validation", "test"]))
    assert report["scored"] == free["ifd_loss_ratio"].is_not_null().sum()
    assert report["asked"] >= report["scored"] > 0
    assert report["ifd_loss_ratio"]["quantiles"]["0.5"] == pytest.approx(free["ifd_loss_ratio"].median())
    assert report["ifd_perplexity_ratio"]["quantiles"]["0.5"] == pytest.approx(free["ifd_perplexity_ratio"].median())
    said = records.filter(pl.col("prompt").str.starts_with("Repeat")).row(0, named=True)
    made_up = records.filter(pl.col("prompt").str.starts_with("Write one")).row(0, named=True)
    assert said["ifd_perplexity_ratio"] < made_up["ifd_perplexity_ratio"]
    page = (released / "first" / "report.html").read_text()
    assert "Difficulty: ratio of losses" in page
    assert "Difficulty: ratio of perplexities" in page
    assert "Asked was SmolLM2-135M-Instruct" in page

    story = CliRunner().invoke(app, ["explain", str(released / "first"), "tasks.jsonl:1"]).stdout
    assert f"ppl ratio   {said['ifd_perplexity_ratio']:.3f}" in story

    shutil.rmtree(released / "first")
    curate(released, "first", "--difficulty")
    again = json.loads((released / "first" / "report.json").read_text())["difficulty"]
    assert again["asked"] == 0
    assert again["ifd_loss_ratio"] == report["ifd_loss_ratio"]


def test_without_the_flag_nothing_is_measured_and_nothing_pretends_to_be(released: Path) -> None:
    out, _, _ = curate(released, "plain")
    assert "difficulty" not in out
    records = pl.read_parquet(released / "plain" / "records.parquet")
    assert records["ifd_loss_ratio"].null_count() == records.height
    assert json.loads((released / "plain" / "report.json").read_text())["difficulty"] is None
    assert "Difficulty" not in (released / "plain" / "report.html").read_text()


def test_a_model_that_is_not_here_ends_the_run_before_anything_is_read(released: Path) -> None:
    settings = released / "assay.yaml"
    settings.write_text("difficulty: {measure: true, model: someone/some-model}\n")
    _, told, code = curate(released, "never", "--config", str(settings))
    assert code == 2
    *_, line = told.splitlines()
    assert line.startswith("assay: someone/some-model: is no folder on this machine, and no model is fetched for it; ")
    assert not (released / "never").exists()
