"""Real rows, real processes, and what is compared of their releases."""

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

RAW = Path(__file__).resolve().parents[3] / "shared" / "data" / "raw"
SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples" / "train"
ASSAY = str(Path(sys.executable).with_name("assay"))
PATIENCE = 600.0
ROWS = 400


class Ended(NamedTuple):
    code: int
    stdout: str
    stderr: str


class Project:
    """Sources and a cache of their own, curated by processes of their own."""

    def __init__(self, sources: Path, cache: Path) -> None:
        self.sources, self.cache = sources, cache
        self.words = ["--seed", "7", "--to", "trl", "--to", "openai"]

    def environment(self) -> dict[str, str]:
        """No Prefect server, no people, and nothing of other tests."""
        ours = {"ASSAY_CACHE": str(self.cache), "ASSAY_HOME": str(self.cache / "home"), "PREFECT_API_URL": ""}
        return {**os.environ, **ours}

    def start(self, out: Path, *words: object, sources: Path | None = None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [ASSAY, "curate", str(sources or self.sources), "--out", str(out), *self.words, *map(str, words)],
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def curate(self, out: Path, *words: object) -> Ended:
        process = self.start(out, *words)
        _, stderr = process.communicate(timeout=PATIENCE)
        return Ended(process.returncode, "", stderr)

    def assay(self, *words: object) -> Ended:
        ended = subprocess.run(
            [ASSAY, *map(str, words)], env=self.environment(), capture_output=True, text=True, timeout=PATIENCE
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    @staticmethod
    def outcome(release: Path) -> dict[str, bytes]:
        """The splits, the ledger, the records, the saved dataset and the exports, by their place."""
        paths = [release / "ledger.parquet", release / "records.parquet", release / "unreadable.jsonl"]
        paths += [path for name in ("splits", "dataset", "exports") for path in sorted((release / name).rglob("*"))]
        return {path.relative_to(release).as_posix(): path.read_bytes() for path in paths if path.is_file()}

    @staticmethod
    def linked(folder: Path, target: Path) -> Path:
        """The folder as it is, at no cost: its files are replaced by whoever changes them, never written to."""
        return Path(shutil.copytree(folder, target, copy_function=os.link))

    @staticmethod
    def kill(process: "subprocess.Popen[Any]") -> bool:
        """SIGKILL; false where the process had ended already."""
        alive = process.poll() is None
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
        return alive

    @staticmethod
    def until(holds: Callable[[], bool], process: "subprocess.Popen[Any]") -> bool:
        """Wait closely for something to hold; false where the process ended without."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if holds():
                return True
            if process.poll() is not None:
                return holds()
            time.sleep(0.0005)
        raise AssertionError("waited in vain")


def real_rows(folder: Path, rows: int = ROWS) -> Path:
    """Files in several shapes with some of the real rows, duplicates and damage among them; samples without those."""
    if not RAW.is_dir():
        return Path(shutil.copytree(SAMPLES, folder))
    folder.mkdir()
    with gzip.open(RAW / "alpaca_data.json.gz", "rt", encoding="utf-8") as file:
        alpaca = json.load(file)
    drawn = random.Random(11).sample(alpaca, rows)
    drawn += [{**row, "instruction": row["instruction"].lower()} for row in drawn[:20]] + drawn[:10]
    (folder / "alpaca.json").write_text(json.dumps(drawn), encoding="utf-8")
    for name in ("dolly_3k.jsonl", "oasst_en_trees.jsonl"):
        with (RAW / name).open(encoding="utf-8") as file:
            lines = [next(file) for _ in range(rows // 8)]
        (folder / name).write_text("".join([*lines, '{"instruction": "cut sho']), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    return Project(real_rows(folder / "raw"), folder / "cache")


@pytest.fixture(scope="session")
def undisturbed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that nothing disturbed; nobody may change it. The project's cache is full afterwards."""
    out = tmp_path_factory.mktemp("undisturbed") / "release"
    ended = project.curate(out)
    assert ended.code in (0, 1), ended.stderr
    return out


@pytest.fixture
def running() -> Iterator[list["subprocess.Popen[Any]"]]:
    """Processes that are gone after the test, whatever became of it."""
    processes: list[subprocess.Popen[Any]] = []
    yield processes
    for process in processes:
        Project.kill(process)
