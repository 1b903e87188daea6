"""The command as a process of its own: its streams, its signals, a terminal, and Prefect beside it."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

ASSAY = str(Path(sys.executable).parent / "assay")
# A cold start of Prefect's server on a busy machine.
PATIENCE = 120


@pytest.fixture
def environment(prefect_server: None, store: Path) -> dict[str, str]:
    """That of a user whose PREFECT_API_URL names a running server."""
    from prefect.settings import PREFECT_API_URL

    return {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())}


@pytest.fixture
def alone(store: Path, tmp_path: Path) -> dict[str, str]:
    """That of a user who has no server, and has never run Prefect."""
    return {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": ""}


def test_results_go_to_stdout_steps_to_stderr_and_the_run_to_the_users_server(
    environment: dict[str, str], source: Path, tmp_path: Path
) -> None:
    path = tmp_path / "seen-from-afar.jsonl"
    path.write_bytes(source.read_bytes())
    command = [ASSAY, "curate", path, "--out", tmp_path / "out", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"]["ledger"] == 16
    steps = "read ingest repair decide validate dedup decontaminate score route select split release"
    assert [line.split()[0] for line in done.stderr.splitlines()] == steps.split()
    assert f"rows of {path}: alpaca (jsonl), 1 unreadable" in done.stderr
    runs = httpx.post(f"{environment['PREFECT_API_URL']}/flow_runs/filter", json={}).json()
    [mine] = [run for run in runs if run["name"].startswith("seen-from-afar.jsonl, ")]
    assert mine["state_name"] == "Completed"
    run = json.loads(done.stdout)["run"]
    assert run["orchestrator"] == "prefect"
    assert run["orchestration_seconds"] > 0


def test_without_a_server_the_same_steps_run_here_and_prefect_is_not_even_imported(
    alone: dict[str, str], source: Path, tmp_path: Path
) -> None:
    # Nor what reads a store, of which there is none.
    unused = "{'prefect', 'sqlalchemy', 'torch', 'datasets', 'great_expectations'}"
    script = (
        "import sys; from pipelines.cli import app; app(standalone_mode=False);"
        f"print({unused} & {{*sys.modules}} or 'none')"
    )
    command = [sys.executable, "-c", script, "curate", source, "--out", tmp_path / "out"]
    done = subprocess.run(command, env=alone, capture_output=True, text=True, timeout=PATIENCE)
    first, *steps = done.stderr.splitlines()
    assert first == "in process    no Prefect server is set or runs here, and none is needed"
    names = "read ingest repair decide validate dedup decontaminate score route select split release"
    assert [line.split()[0] for line in steps] == names.split()
    assert done.stdout.splitlines()[-1] == "none"
    run = json.loads((tmp_path / "out" / "report.json").read_text())["run"]
    assert (run["orchestrator"], run["orchestration_seconds"]) == ("none", pytest.approx(0, abs=0.5))


def test_a_run_imports_what_takes_long_only_where_it_is_used() -> None:
    heavy = "{'prefect', 'scipy.stats', 'torch', 'openvino', 'great_expectations', 'datasets', 'sklearn', 'faiss'}"
    script = (
        f"import sys, pipelines._course, pipelines._commands_calibrate; print({heavy} & {{*sys.modules}} or 'none')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout == "none\n", done.stderr


def test_the_command_line_starts_without_settings_and_frames() -> None:
    script = (
        "import sys, pipelines.cli; print({'pydantic', 'yaml', 'polars', 'numpy', 'jinja2'} & {*sys.modules} or 'none')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout == "none\n", done.stderr


def test_the_same_again_stands_and_says_so(alone: dict[str, str], source: Path, tmp_path: Path) -> None:
    def curate(*more: str) -> subprocess.CompletedProcess[str]:
        command = [ASSAY, "curate", source, "--out", tmp_path / "out", *more]
        return subprocess.run(command, env=alone, capture_output=True, text=True, timeout=PATIENCE)

    once = curate()
    before = (tmp_path / "out" / "manifest.json").stat().st_mtime_ns
    again = curate()
    assert "unchanged" not in once.stderr
    assert f"unchanged     nothing has changed since the release in {tmp_path / 'out'} was made" in again.stderr
    assert (again.stdout, again.returncode) == (once.stdout, once.returncode)
    assert (tmp_path / "out" / "manifest.json").stat().st_mtime_ns == before
    other = curate("--seed", "7")
    assert "unchanged" not in other.stderr
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["seed"] == 7


def test_a_server_that_does_not_answer_is_one_line(alone: dict[str, str], source: Path, tmp_path: Path) -> None:
    environment = alone | {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    command = [ASSAY, "curate", source, "--out", tmp_path / "out"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("assay: PREFECT_API_URL=http://127.0.0.1:9/api: no Prefect server answers there; start it")
    assert not (tmp_path / "out").exists()


def test_a_reader_who_leaves_early_is_no_error(finished: Path) -> None:
    report = subprocess.Popen(
        [ASSAY, "report", finished, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert report.stdout is not None
    assert report.stderr is not None
    with report.stdout as reader:
        assert reader.readline() == "{\n"
    with report.stderr as told:
        assert told.read() == ""
    assert report.wait(PATIENCE) == 0


def test_on_a_terminal_there_is_a_bar(environment: dict[str, str], source: Path, tmp_path: Path) -> None:
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [ASSAY, "curate", source, "--out", tmp_path / "out"],
        # An empty cache, so that there is something to wait for.
        env=environment | {"ASSAY_CACHE": str(tmp_path / "cache"), "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
    )
    os.close(terminal)
    shown = "".join(_read(screen))
    assert process.wait(PATIENCE) == 0, shown
    assert process.stdout is not None
    with process.stdout as results:
        assert "gate        PASSED" in results.read()
    assert "embedding prompts" in shown
    assert "0 of 13" in shown
    assert "Traceback" not in shown


def _read(screen: int) -> Iterator[str]:
    with open(screen, encoding="utf-8", errors="replace", newline="") as stream:
        try:
            while text := stream.read(1024):
                yield text
        except OSError:  # the other side has closed its terminal
            return


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "word", "code"),
    [(signal.SIGINT, "interrupted", 130), pytest.param(signal.SIGTERM, "terminated", 143, marks=pytest.mark.long)],
)
def test_a_signal_ends_the_run_and_the_next_goes_on_from_there(
    alone: dict[str, str], source: Path, tmp_path: Path, sent: signal.Signals, word: str, code: int
) -> None:
    process = subprocess.Popen(
        [ASSAY, "curate", source, "--out", tmp_path / "out"],
        # An empty cache: embedding takes long enough to be interrupted.
        env=alone | {"ASSAY_CACHE": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        if line.startswith("validate"):
            process.send_signal(sent)
    # The loop ended, so nobody holds the other end of stderr any more: no process is left.
    process.stderr.close()
    assert process.wait(PATIENCE) == code
    assert told[-1] == f"assay: {word}; run the same command again, it goes on where this one stopped\n"
    assert len([line for line in told if line.startswith("assay: ")]) == 1
    assert os.listdir(tmp_path / "out") == [".work"]
    again = subprocess.run(
        [ASSAY, "curate", source, "--out", tmp_path / "out"],
        env=alone | {"ASSAY_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0
    steps = [line.split()[0] for line in again.stderr.splitlines()]
    assert "resumed" in steps
    assert "ingest" not in steps
    assert ".work" not in os.listdir(tmp_path / "out")


@pytest.mark.long
def test_a_deployment_with_a_schedule_gets_its_runs(tmp_path: Path, unused_port: int) -> None:
    import pipelines._orchestration  # noqa: F401  isort: skip
    from prefect.deployments.runner import EntrypointType
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from pipelines.flow import curate

    url = f"http://127.0.0.1:{unused_port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(unused_port)]
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": url}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _until(lambda: httpx.get(f"{url}/health").status_code == 200)
        with temporary_settings({PREFECT_API_URL: url}):
            nightly = curate.to_deployment(
                name="nightly",
                cron="0 3 * * *",
                parameters={"sources": ["/data/raw"], "out": "/data/release"},
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
            assert nightly.entrypoint == "pipelines.flow.curate"
            mine = str(nightly.apply())
        wanted = {"deployments": {"id": {"any_": [mine]}}}
        _until(lambda: bool(httpx.post(f"{url}/flow_runs/filter", json=wanted).json()))
        runs = httpx.post(f"{url}/flow_runs/filter", json=wanted).json()
    finally:
        server.terminate()
        server.wait(PATIENCE)
    assert {run["state_type"] for run in runs} == {"SCHEDULED"}
    assert all("T03:00:00" in run["expected_start_time"] for run in runs)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if holds():
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    pytest.fail("it did not come about in time")
