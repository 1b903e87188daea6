"""Where the work on shards is done: what is named is what works, and what cannot be had is said in one line."""

import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines._alike import PROBE, Asked, Self, differs, look, myself, probe, refuse_unlike, work
from pipelines._runner import opened, runner_named
from schemas.errors import SettingsError, UsageError
from schemas.project import RunnerSettings


def doubled(number: int) -> int:
    return 2 * number


def test_here_work_is_done_in_order_and_when_it_is_asked_for() -> None:
    asked = iter([1, 2, 3])
    with opened(RunnerSettings()) as runner:
        made = runner.map(doubled, asked)
        assert next(made) == 2
        assert next(asked) == 2
        assert not runner.shares


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (None, RunnerSettings(kind="dask", address="tcp://a:1", workers=3)),
        ("dask", RunnerSettings(kind="dask", address="tcp://a:1", workers=3)),
        ("local", RunnerSettings(workers=3)),
        ("tls://10.0.0.1:8786", RunnerSettings(kind="dask", address="tls://10.0.0.1:8786")),
        ("ray://10.0.0.1:10001", RunnerSettings(kind="ray", address="ray://10.0.0.1:10001")),
    ],
)
def test_the_option_outweighs_the_file(said: str | None, found: RunnerSettings) -> None:
    assert runner_named(said, RunnerSettings(kind="dask", address="tcp://a:1", workers=3)) == found


def test_what_is_no_runner_is_named_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"--runner spark: is no runner; use local, dask, ray, or a scheduler's"):
        runner_named("spark", RunnerSettings())


def test_a_worker_that_is_another_or_sees_another_folder_is_named(tmp_path: Path) -> None:
    with probe(tmp_path) as word:
        good = look(str(tmp_path))
        refuse_unlike({"tcp://a:1": good}, word, tmp_path)
        older = good._replace(itself=good.itself._replace(version="0.0.1"))
        with pytest.raises(UsageError, match=r"worker tcp://b:1 on .* has Assay 0\.0\.1 and not .*; install the same"):
            refuse_unlike({"tcp://a:1": good, "tcp://b:1": older}, word, tmp_path)
        edited = good._replace(itself=good.itself._replace(code="0" * 64))
        with pytest.raises(UsageError, match="has other code of Assay"):
            refuse_unlike({"tcp://b:1": edited}, word, tmp_path)
        with pytest.raises(UsageError, match=r"does not see .*\(No such file or directory\); mount one shared folder"):
            refuse_unlike({"tcp://b:1": look(str(tmp_path / "elsewhere"))}, word, tmp_path)
    assert not (tmp_path / PROBE).exists()


def test_a_processor_that_multiplies_in_another_way_is_refused() -> None:
    mine = Self("1", "code", "3.11.7", "avx2 avx512f")
    theirs = mine._replace(processor="amx_bf16 avx2 avx512f")
    assert differs(theirs, mine, "a worker") == (
        "a worker has a processor that multiplies in another way (with amx_bf16), so that vectors would not be the "
        "same bytes; start the run on a machine like the workers, with no others among them"
    )
    assert "without avx512f" in differs(mine._replace(processor="avx2"), mine, "a worker")


inside: list[str] = []


def alone(name: str) -> list[str]:
    """Who is at work while this is."""
    inside.append(name)
    time.sleep(0.05)
    seen = list(inside)
    inside.remove(name)
    return seen


def test_a_worker_with_many_threads_does_one_piece_at_a_time() -> None:
    with ThreadPoolExecutor(3) as threads:
        asked = [Asked(myself(), alone, name) for name in ("a", "b", "c")]
        assert [done.made for done in threads.map(work, asked)] == [["a"], ["b"], ["c"]]


def test_a_piece_of_work_is_refused_by_a_worker_that_is_another() -> None:
    with pytest.raises(UsageError, match=r"a worker on .* has Assay .* and not 9\.9; install the same version there"):
        work(Asked(myself()._replace(version="9.9"), alone, "a"))


def test_the_command_says_in_one_line_that_no_scheduler_is_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    (tmp_path / "a.jsonl").write_text(json.dumps({"instruction": "Name a river.", "output": "The Rhine."}) + "\n")
    said = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "curate", "a.jsonl", "--out", "out", "--runner", address],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 2
    last = said.stderr.splitlines()[-1]
    assert last.startswith(f"assay: {address}: no Dask scheduler can be reached there")
    assert "start one with `dask scheduler`" in last
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "out").exists()
