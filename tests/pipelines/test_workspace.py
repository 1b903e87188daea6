import fcntl
import os
from pathlib import Path

import pytest

from pipelines._workspace import clear_release, is_left, save_json, workspace
from schemas.errors import UsageError


def test_a_new_folder_is_made_and_the_work_goes_when_the_run_ends(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "run"
    with workspace(out) as work:
        (work / "x").write_text("x")
        (out / "report.json").write_text("{}")
    assert sorted(path.name for path in out.iterdir()) == ["report.json"]


def test_a_refused_run_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(RuntimeError), workspace(out):
        raise RuntimeError
    assert not out.exists()


def test_an_earlier_release_survives_a_run_that_fails(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(RuntimeError), workspace(tmp_path):
        raise RuntimeError
    assert (tmp_path / "manifest.json").exists()


def test_a_folder_with_other_things_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match="not a release of Assay; choose an empty folder"), workspace(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(UsageError, match="is a file; --out needs a folder"), workspace(tmp_path / "out"):
        pass


def test_two_runs_never_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    other = os.open(tmp_path / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(UsageError, match="another run is writing there"), workspace(tmp_path):
        pass
    assert (tmp_path / ".lock").exists()
    os.close(other)


def test_a_lock_without_a_holder_is_something_left_and_goes(tmp_path: Path) -> None:
    """Killed after the work folder went and before the lock did, over a release that nothing has changed for."""
    (tmp_path / "manifest.json").write_text("{}")
    assert not is_left(tmp_path)
    (tmp_path / ".lock").touch()
    assert is_left(tmp_path)
    with workspace(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json"]


def test_clearing_takes_the_release_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "train.jsonl").write_text("{}")
    for name in ("manifest.json", "ledger.parquet", "notes.txt"):
        (tmp_path / name).write_text("x")
    clear_release(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = save_json({"a": 1}, tmp_path / "x.json")
    with pytest.raises(ValueError, match="Out of range float"):
        save_json({"a": float("nan")}, path)
    assert path.read_text() == '{\n  "a": 1\n}\n'
