"""`make bench-scale`: its rows are made the same each time, and its table tells how things grow."""

import json
import os
from pathlib import Path

import polars as pl
import pytest

from benchmarks import scale
from benchmarks.desk import Desk
from benchmarks.figures import Measured
from benchmarks.scale_rows import EXACT, NEAR, made, planted_in, read, recall, write

SAMPLES = scale.SAMPLES


def test_rows_are_the_same_each_time_and_others_with_another_seed(tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, seed in zip(paths, (0, 0, 1), strict=True):
        write(SAMPLES, path, 500, seed)
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()


def test_duplicates_are_planted_at_the_known_share_and_counted(tmp_path):
    counts = write(SAMPLES, tmp_path / "rows", 5_000)
    rows = (tmp_path / "rows").read_text(encoding="utf-8").splitlines()
    assert sum(counts.values()) == len(rows) == 5_000
    assert len(rows) - len(set(rows)) >= counts["exact"]
    assert counts["exact"] / 5_000 == pytest.approx(EXACT / 100, abs=0.01)
    assert counts["near"] / 5_000 == pytest.approx(NEAR / 100, abs=0.01)


def test_rows_made_from_one_row_share_few_words():
    source = read(SAMPLES)
    rows = [each.row["instruction"] for each in made(source, 10 * len(source)) if each.kind == "original"]
    assert len(set(rows)) > 0.98 * len(rows)


def test_the_source_may_be_json_or_json_lines(tmp_path):
    row = {"instruction": "Add", "input": None, "output": "3", "more": 1}
    (tmp_path / "a.json").write_text(json.dumps([row]))
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    assert (
        read(tmp_path / "a.json") == read(tmp_path / "a.jsonl") == [{"instruction": "Add", "input": "", "output": "3"}]
    )


def size(rows: int, seconds: float, peak: int) -> dict[str, object]:
    stages = {"ingest": seconds, "dedup": seconds**2}
    return {
        "rows": rows, "wall": seconds, "cpu": 2 * seconds, "peak": peak, "stages": stages,
        "memory": {"ingest": 512.0, "dedup": None},
    }  # fmt: skip


def test_the_table_has_exponents_of_time_and_memory_for_each_stage():
    text = scale.written([size(1_000, 1, 2**30), size(10_000, 10, 2**31), size(100_000, 100, 2**32)])
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines()}
    assert lines["ingest"] == "| ingest | 1.0 s, 0.50 GB | 10.0 s, 0.50 GB | 100.0 s, 0.50 GB | 1.00 |"
    assert lines["dedup"].endswith("| 10,000.0 s | 2.00 |")
    assert lines["in all"].endswith("| 100.00 s | 1.00 |")
    assert lines["peak memory"] == "| peak memory | 1.00 GB | 2.00 GB | 4.00 GB | 0.30 |"


def test_a_size_that_was_measured_is_not_measured_again(tmp_path, monkeypatch):
    calls = []

    def run(self: Desk, name: str, argv: list[str], **_: object) -> Measured:
        calls.append(name)
        release = Path(argv[argv.index("--out") + 1])
        release.mkdir(parents=True)
        stages = [{"name": "ingest", "seconds": 0.5, "rows_in": 50, "kept": 50, "dropped": 0}]
        report = {"run": {"stages": stages, "seconds": 1.0}, "rows": {"released": 49}}
        (release / "report.json").write_text(json.dumps(report))
        return Measured(1.5, 2.5, 100 << 20, {})

    monkeypatch.setattr(Desk, "run", run)
    desk = Desk(tmp_path, SAMPLES, 0)
    first = scale.run(desk, SAMPLES, 50, "code-1", False)
    assert first["stages"] == {"ingest": 0.5}
    assert scale.run(desk, SAMPLES, 50, "code-1", False) == first
    assert calls == ["scale-50"]
    scale.run(desk, SAMPLES, 50, "code-2", False)
    scale.run(desk, SAMPLES, 50, "code-2", True)
    scale.run(desk, SAMPLES, 50, "code-2", False, draft=True)
    assert calls == ["scale-50"] * 4
    assert os.listdir(tmp_path / "work") == [], "a million rows' release is not left behind"


def test_what_was_planted_is_told_and_its_recall_counts_pairs_that_could_be_found(tmp_path):
    counts = write(SAMPLES, tmp_path / "rows.jsonl", 2_000)
    planted = pl.read_parquet(planted_in(tmp_path / "rows.jsonl"))
    rows = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert planted["kind"].value_counts().sort("kind").rows() == [("exact", counts["exact"]), ("near", counts["near"])]
    exact = planted.filter(pl.col("kind") == "exact")
    assert all(rows[row - 1] == rows[of - 1] for row, of in exact.select("row", "of").iter_rows())
    three = pl.DataFrame({"row": [4, 5, 6], "of": [1, 2, 3], "kind": ["near"] * 3})
    fates = ["train", "duplicate", "dropped", "train", "train", "train"]
    ledger = pl.DataFrame({"source_row": range(1, 7), "outcome": fates})
    assert recall(three, ledger) == {"near": 0.5}
