"""The flow as a whole: the same bytes twice, nothing lost, and what Prefect shows of it."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import _publish
from pipelines._released import Released
from pipelines.gate import report_of

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "raw"


def bytes_of(release: Path) -> dict[str, bytes]:
    """Splits, ledger and dataset, by their place."""
    paths = [
        release / "ledger.parquet",
        *sorted((release / "splits").iterdir()),
        *sorted((release / "dataset").rglob("*")),
    ]
    return {path.relative_to(release).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def run(sources: list[Path], out: Path, **settings: Any) -> Path:
    from pipelines.flow import curate

    curate([str(path) for path in sources], str(out), settings)
    return out


def test_two_runs_with_one_seed_give_identical_bytes(finished: Path, source: Path, tmp_path: Path) -> None:
    said = {"split": {"validation": 0.2, "test": 0.2}, "export": {"formats": ["trl", "openai"]}}
    again = run([source], tmp_path / "again", **said)
    assert bytes_of(again) == bytes_of(finished)


def test_vectors_made_anew_give_the_same_bytes(
    finished: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "empty"))
    cold = run([source], tmp_path / "cold", split={"validation": 0.2, "test": 0.2})
    assert bytes_of(cold) == bytes_of(finished)


def test_a_release_that_is_put_together_in_parts_says_the_same(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_publish, "PART", 50)
    monkeypatch.setattr(Released.__init__, "__kwdefaults__", {"part": 30})
    monkeypatch.chdir(ROOT)
    held_out = {"against": ["data/samples/benchmarks/holdout.jsonl"]}
    parts = run([Path("data/samples/train")], tmp_path / "parts", contamination=held_out)
    whole, again = (pl.read_parquet(release / "records.parquet") for release in (demo, parts))
    assert whole.height > 300
    assert again.equals(whole)
    for name in ("splits", "exports"):
        said, told = (
            {path.relative_to(release): path.read_bytes() for path in (release / name).rglob("*") if path.is_file()}
            for release in (demo, parts)
        )
        assert said == told


def test_every_row_has_its_place_and_its_reason(finished: Path) -> None:
    ledger = pl.read_parquet(finished / "ledger.parquet")
    told = {
        row: (outcome, reasons)
        for row, outcome, reasons in ledger.select("source_row", "outcome", "reasons").iter_rows()
    }
    assert sorted(told) == list(range(1, 17))
    assert told[2] == ("duplicate", ["duplicate.exact"])
    assert told[5][0] == "dropped"
    assert told[7] == ("review", ["refusal.full"])
    assert told[16] == ("unreadable", ["unreadable.json"])
    report = report_of(finished)
    assert (report.rows.source_rows, report.rows.ledger, report.rows.reconciles) == (16, 16, True)


def test_a_record_keeps_its_split_when_its_source_grows(
    finished: Path, source: Path, prefect_server: None, tmp_path: Path
) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(
        "".join(json.dumps({"instruction": f"Spell {w}.", "output": "-".join(w)}) + "\n" for w in ("oak", "elm", "ash"))
    )
    grown = run([source, more], tmp_path / "grown", split={"validation": 0.2, "test": 0.2})
    before, after = (
        dict(
            pl.read_parquet(out / "records.parquet")
            .filter(pl.col("split").is_not_null())
            .select("record_id", "split")
            .iter_rows()
        )
        for out in (finished, grown)
    )
    assert len(after) > len(before)
    assert all(after[record] == split for record, split in before.items())


def test_a_subset_stands_beside_its_baselines(source: Path, prefect_server: None, store: Path, tmp_path: Path) -> None:
    report = report_of(run([source], tmp_path / "some", selection={"target_size": 5, "method": "mix"}))
    assert report.selection is not None
    assert report.selection.method == "mix"
    assert [report.selection.chosen.rows, *(one.rows for one in report.selection.baselines)] == [5, 5, 5]
    spent = report.selection.chosen.tokens
    assert spent
    assert all(0 < (one.tokens or 0) <= spent for one in report.selection.at_equal_tokens)
    assert report.rows.outcomes["unselected"] > 0
    assert report.rows.released == 5
    assert report.rows.reconciles


def test_prefect_shows_the_run_its_stages_and_its_report(finished: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC)
        artifacts = client.request("POST", "/artifacts/filter", json={}).json()
    assert any(run.name.startswith("tasks.jsonl, ") and run.state_name == "Completed" for run in runs)
    keys = {artifact["key"] for artifact in artifacts}
    assert {"assay-report", "assay-outcomes"} <= keys


# A form is a form in sixty rows too, and embedding takes its time.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("most", "rows", "trees"),
    [(60, [60] * 4, 320), pytest.param(None, [175, 89, 300, 300], 488, marks=pytest.mark.long)],
    ids=["the first 60", "whole"],
)
def test_real_files_of_every_shape_reconcile(
    most: int | None, rows: list[int], trees: int, prefect_server: None, store: Path, tmp_path: Path
) -> None:
    names = (
        "self_instruct_seed_tasks.jsonl",
        "oasst_en_trees.jsonl",
        "sharegpt_glaive_toolcall_en.json",
        "prefs_dpo_en.json",
    )
    if missing := [name for name in names if not (DATA / name).exists()]:
        pytest.skip(f"real data is not beside the project: {missing[0]}")
    if most is not None:
        for name in names:
            text = (DATA / name).read_text(encoding="utf-8")
            few = text.splitlines(keepends=True)[:most] if name.endswith("l") else [json.dumps(json.loads(text)[:most])]
            (tmp_path / name).write_text("".join(few), encoding="utf-8")
    folder = DATA if most is None else tmp_path
    report = report_of(run([folder / name for name in names], tmp_path / "real"))
    assert [file.rows for file in report.sources.files] == rows
    assert report.rows.expected == report.rows.ledger == rows[0] + trees + rows[2] + rows[3]
    assert report.rows.reconciles
