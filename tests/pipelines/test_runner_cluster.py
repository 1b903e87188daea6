"""Dask by its address: a scheduler and workers as somebody else started them, fit and unfit, and Prefect's flow."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines._progress import Reporter, report_to
from pipelines._runner import opened
from schemas.errors import UsageError
from schemas.project import RunnerSettings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "checks", "annotation", "pipelines")


@contextmanager
def running(command: list[str], code: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """A process that imports Assay from `code`."""
    env = {**os.environ, "PYTHONPATH": str(code)}
    process = subprocess.Popen(command, cwd=code, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler without workers."""
    told = tmp_path / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]
    with running([sys.executable, "-m", "distributed.cli.dask_scheduler", *options]):
        for _ in range(600):
            if told.exists() and told.read_text().strip().endswith("}"):
                break
            time.sleep(0.1)
        yield str(json.loads(told.read_text())["address"])


def worker(address: str) -> list[str]:
    return [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]


def refused(address: str, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    with opened(RunnerSettings(kind="dask", address=address)) as runner, pytest.raises(UsageError) as told:
        runner.check(folder)
    return str(told.value)


def doubled(number: int) -> int:
    return 2 * number


def test_workers_that_somebody_else_started_do_the_work(scheduler: str, tmp_path: Path) -> None:
    with running(worker(scheduler)), opened(RunnerSettings(kind="dask", address=scheduler)) as runner:
        runner.check(tmp_path)
        assert list(runner.map(doubled, range(30))) == [2 * number for number in range(30)]
        assert runner.told == f"Dask, 1 worker, {scheduler}"


def test_a_worker_with_other_code_is_refused(scheduler: str, tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / "other" / package)
    with (tmp_path / "other" / "checks" / "length.py").open("a") as edited:
        edited.write("# Edited here.\n")
    with running(worker(scheduler), code=tmp_path / "other"):
        told = refused(scheduler, tmp_path / "work")
    assert "has other code of Assay" in told
    assert "install the same there" in told


def test_a_worker_that_does_not_see_the_folder_is_refused(scheduler: str, tmp_path: Path) -> None:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("another view of the disk is not here: that needs root")
    (tmp_path / "work").mkdir()
    apart = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none "{tmp_path}" && exec "$@"', "sh", *worker(scheduler)]
    with running(apart):
        told = refused(scheduler, tmp_path / "work")
    assert f"does not see {tmp_path / 'work'}" in told
    assert "mount one shared folder under the same path on every worker" in told


def test_a_scheduler_without_workers_is_told_of(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines import _runner_dask

    monkeypatch.setattr(_runner_dask, "WORKER_IN", 0.5)
    dask = RunnerSettings(kind="dask", address=scheduler)
    with pytest.raises(UsageError, match=r"has no workers; start some with `dask worker"), opened(dask):
        pass


def test_a_scheduler_that_goes_while_work_is_out_is_told_of(tmp_path: Path) -> None:
    told = tmp_path / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]
    with running([sys.executable, "-m", "distributed.cli.dask_scheduler", *options]) as process:
        while not told.exists() or not told.read_text().strip().endswith("}"):
            time.sleep(0.1)
        address = json.loads(told.read_text())["address"]
        with running(worker(address)), opened(RunnerSettings(kind="dask", address=address)) as runner:
            made = runner.map(sleeps, [0.0, 30.0])
            assert next(made) == 0.0
            process.kill()
            with pytest.raises(UsageError, match=r"the Dask scheduler .* is gone; start it, and run the same again"):
                list(made)


def sleeps(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


class Lines(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def line(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.long
@pytest.mark.slow
def test_a_prefect_flow_with_its_dask_runner_makes_the_same_release(
    prefect_server: None, finished: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client

    from pipelines._runner_dask import prefect_runner
    from pipelines.flow import curate

    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    said = {"split": {"validation": 0.2, "test": 0.2}, "export": {"formats": ["trl", "openai"]}}
    runner, lines = prefect_runner(RunnerSettings(kind="dask", workers=2)), Lines()
    report_to(lines)
    try:
        curate.with_options(task_runner=runner)([str(source)], str(tmp_path / "out"), said)
    finally:
        report_to(Reporter())
    (told,) = [line for line in lines.said if line.startswith("runner")]
    assert re.fullmatch(r"runner        Dask, 2 workers, tls://127\.0\.0\.1:\d+", told)
    for name in ("ledger.parquet", "splits/train.jsonl", "splits/test.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (finished / name).read_bytes()
    with get_client(sync_client=True) as client:
        names = {run.name.rpartition("-")[0] for run in client.read_task_runs()}
    assert {"validate", "dedup"} <= names
