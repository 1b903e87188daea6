"""One row's story: found by its id or its place, told whole, and harmless to the terminal that shows it."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines._explain import explain, story
from pipelines.cli import app
from schemas.errors import ReleaseError, UsageError

RED, OVERRIDE = "\x1b[31m", "\u202e"


def one(release: Path, record: str) -> dict[str, Any]:
    [told] = explain(release, record)
    return told


@pytest.fixture(scope="module")
def hostile(prefect_server: None, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release whose data, file name and broken line try to paint the terminal; rows 2 and 3 are equal."""
    from pipelines.flow import curate

    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {"instruction": f"Say {RED}stop", "output": f"Stop{OVERRIDE} now, please.\x07"},
        *[{"instruction": "Name a tree.", "output": "The oak is a tree."}] * 2,
    ]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / f"{RED}red.jsonl").write_text(f'{lines}\n{{"instruction": "{RED}cut\n')
    curate([str(folder / f"{RED}red.jsonl")], str(folder / "run"))
    return folder / "run"


def test_a_row_is_found_by_its_place_and_the_end_of_a_path_will_do(finished: Path, source: Path) -> None:
    whole = one(finished, f"{source}:5")
    assert whole == one(finished, "tasks.jsonl:5") == one(finished, "tasks.jsonl:005")
    assert (whole["source_row"], whole["outcome"]) == (5, "dropped")
    assert whole["reasons"] == ["structure.empty_completion"]
    assert whole["checks"]["structure.empty_completion"]


def test_half_a_file_name_is_no_end_of_a_path(finished: Path) -> None:
    with pytest.raises(UsageError, match=r"asks\.jsonl:5: no row of"):
        explain(finished, "asks.jsonl:5")


def test_a_duplicate_names_its_twin_and_shows_it(finished: Path) -> None:
    kept = one(finished, "tasks.jsonl:1")
    told = "\n".join(story(one(finished, "tasks.jsonl:2")))
    assert "because of  duplicate.exact" in told
    assert f"twin        {kept['record_id']} at 1.000" in told
    assert f"row 1, outcome {kept['outcome']}" in told
    assert told.index("name the capital of france.") < told.index("Name the capital of France.")


def test_equal_rows_share_an_id_and_each_has_its_own_story(hostile: Path) -> None:
    shared = pl.read_parquet(hostile / "ledger.parquet").filter(source_row=2)["record_id"][0]
    rows = explain(hostile, shared[:12].upper())
    assert [row["source_row"] for row in rows] == [2, 3]
    assert sorted(row["outcome"] == "duplicate" for row in rows) == [False, True]


def test_an_id_that_begins_two_records_is_ambiguous(finished: Path, tmp_path: Path) -> None:
    release = Path(shutil.copytree(finished, tmp_path / "release"))
    ledger = pl.read_parquet(release / "ledger.parquet")
    alike = pl.lit("abcdef0123") + pl.col("record_id").str.slice(10)
    ledger.with_columns(record_id=alike).write_parquet(release / "ledger.parquet")
    with pytest.raises(UsageError, match=r"abcdef: begins \d+ records' ids; give more characters"):
        explain(release, "abcdef")


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ("0" * 12, "no row of"),
        ("tasks.jsonl:999", "no row of"),
        ("tasks.jsonl:0", "no row of"),
        ("tasks.jsonl:²", "no row of"),
        ("tasks.jsonl:" + "9" * 5000, "no row of"),
        ("abc", "too short to name a record"),
        ("", "too short to name a record"),
    ],
)
def test_what_names_no_row_is_an_error_with_the_remedy(finished: Path, record: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        explain(finished, record)


def test_an_unreadable_row_has_a_story_too(finished: Path) -> None:
    told = story(one(finished, "tasks.jsonl:16"))
    assert told[0] == "record      none: the row could not be read"
    assert told[2].startswith("outcome     unreadable: ")
    assert told[3].startswith("because of  unreadable.json")


def test_a_release_without_its_ledger_cannot_be_told_of(finished: Path, tmp_path: Path) -> None:
    release = Path(shutil.copytree(finished, tmp_path / "release"))
    (release / "records.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(ReleaseError, match="its ledger and records cannot be read; run `assay curate` again"):
        explain(release, "tasks.jsonl:1")
    (release / "ledger.parquet").unlink()
    with pytest.raises(ReleaseError, match="cannot be read"):
        explain(release, "tasks.jsonl:1")


@pytest.mark.parametrize("row", [1, 2, 4])
def test_hostile_text_is_made_visible(hostile: Path, row: int) -> None:
    said = CliRunner().invoke(app, ["explain", str(hostile), f"red.jsonl:{row}"])
    # The name of the file is hostile as well, so its end alone names nothing.
    assert said.exit_code == 2
    source = pl.read_parquet(hostile / "ledger.parquet")["source"][0]
    said = CliRunner().invoke(app, ["explain", str(hostile), f"{source}:{row}"])
    assert said.exit_code == 0
    assert "␛[31mred.jsonl" in said.stdout
    assert not {"\x1b", "\x07", OVERRIDE} & set(said.stdout)
    assert ("␛[31mstop" in said.stdout) == (row == 1)
    assert ("Stop‹U+202E› now, please.␇" in said.stdout) == (row == 1)


def test_the_machine_gets_the_texts_as_they_are(hostile: Path) -> None:
    source = pl.read_parquet(hostile / "ledger.parquet")["source"][0]
    said = CliRunner().invoke(app, ["explain", str(hostile), f"{source}:1", "--json"])
    [told] = json.loads(said.stdout)
    assert told["prompt"] == f"Say {RED}stop"
    assert "\x1b" not in said.stdout
