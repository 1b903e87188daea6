"""Dask as the runner: real workers, the same bytes on any number of them, and a worker killed in the middle."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from pipelines import _near_shared, _slices, _texts
from pipelines._course import make_release
from pipelines._runner import opened
from pipelines.embedding import encoder
from schemas.errors import UsageError
from schemas.project import RunnerSettings
from schemas.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data" / "samples" / "train"
SPLIT = {"split": {"validation": 0.2, "test": 0.2}}


def bytes_of(release: Path) -> dict[str, bytes]:
    """What must be equal: splits and ledger, and the records with all that was found of them."""
    paths = [release / "ledger.parquet", release / "records.parquet", *sorted((release / "splits").iterdir())]
    return {path.relative_to(release).as_posix(): path.read_bytes() for path in paths}


def cli(arguments: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": "", **variables}
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The release of the samples as this process makes it, from an empty cache."""
    folder = tmp_path_factory.mktemp("here")
    done = cli(["curate", str(SAMPLES), "--out", "out"], folder, ASSAY_CACHE=str(folder / "cache"))
    assert done.returncode in (0, 1), done.stderr
    return bytes_of(folder / "out")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_the_same_bytes_on_workers_and_nothing_but_stages_is_said(
    here: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    (tmp_path / "assay.yaml").write_text(f"runner:\n  kind: dask\n  workers: {workers}\n")
    done = cli(
        ["curate", str(SAMPLES), "--out", "out", "--config", "assay.yaml"],
        tmp_path,
        ASSAY_CACHE=str(tmp_path / "cache"),
    )
    assert done.returncode in (0, 1), done.stderr
    assert bytes_of(tmp_path / "out") == here
    noise = [line for line in done.stderr.splitlines() if "distributed" in line or "Warning" in line]
    assert noise == []
    assert f"runner        Dask, {workers} worker" in done.stderr


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 64 records and chunks of 32 texts, so that few rows make many of them."""
    monkeypatch.setattr(_slices.slices_of, "__kwdefaults__", {"most_bytes": 1})
    monkeypatch.setattr(encoder, "CHUNK", 32)
    monkeypatch.setattr(_texts, "PART", 50)
    monkeypatch.setattr(_near_shared, "OWNED", 100)


def released(out: Path, runner: RunnerSettings, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A release of the samples from an empty cache."""
    monkeypatch.setenv("ASSAY_CACHE", str(out.parent / f"{out.name}-cache"))
    make_release([str(SAMPLES)], out, Settings.model_validate(SPLIT), runner=runner)
    return bytes_of(out)


def kill_one_that_works(folder: Path, killed: list[int]) -> None:
    """SIGKILL to a worker of this process as soon as a shard lies in `folder`."""
    while not list(folder.glob("[!.]*.parquet")):
        time.sleep(0.01)
    worker = next(
        each for each in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(each.cmdline())
    )
    worker.kill()
    killed.append(worker.pid)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["validate", pytest.param("dedup.shared", marks=pytest.mark.long)])
def test_a_run_that_loses_a_worker_makes_the_same_bytes(
    small_pieces: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    here = released(tmp_path / "here", RunnerSettings(), monkeypatch)
    killed: list[int] = []
    killer = threading.Thread(target=kill_one_that_works, args=(tmp_path / "out" / ".work" / stage, killed))
    killer.start()
    there = released(tmp_path / "out", RunnerSettings(kind="dask", workers=2), monkeypatch)
    killer.join()
    assert killed
    assert there == here


def slow_word(path: str) -> str:
    """Leaves its process's id, and takes its time the first time."""
    marks = Path(path)
    again = marks.exists()
    if not again:
        marks.write_text(str(os.getpid()))
        time.sleep(60)
    return marks.name


def test_what_a_killed_worker_had_in_hand_is_done_by_another(tmp_path: Path) -> None:
    with opened(RunnerSettings(kind="dask", workers=2)) as runner:
        made = runner.map(slow_word, [str(tmp_path / name) for name in ("a", "b")])
        killer = subprocess.Popen([sys.executable, "-c", KILL, str(tmp_path / "a"), str(tmp_path / "b")])
        assert list(made) == ["a", "b"]
        assert killer.wait() == 0


KILL = """
import os, signal, sys, time
for path in sys.argv[1:]:
    for _ in range(600):
        if os.path.exists(path) and open(path).read():
            os.kill(int(open(path).read()), signal.SIGKILL)
            break
        time.sleep(0.1)
"""


def fails(path: str) -> str:
    raise UsageError(f"{path}: cannot be; choose another")


def ends(_: str) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


def test_errors_of_a_shard_are_told_as_they_are() -> None:
    with (
        opened(RunnerSettings(kind="dask", workers=1)) as runner,
        pytest.raises(UsageError, match=r"^x: cannot be; choose another$"),
    ):
        list(runner.map(fails, ["x"]))


def test_a_shard_that_ends_every_worker_is_a_line_and_no_loop() -> None:
    with (
        opened(RunnerSettings(kind="dask", workers=1)) as runner,
        pytest.raises(UsageError, match="ended every worker"),
    ):
        list(runner.map(ends, ["x"]))
