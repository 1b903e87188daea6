"""A project in a folder of its own, whoever serves it, and a real Prefect server."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

ASSAY = (sys.executable, "-m", "pipelines.cli")
ROOT = Path(__file__).resolve().parents[3]
# A cold start of everything on a busy machine.
PATIENCE = 300.0

FIRST = ("hammer", "kettle", "ledger", "sextant", "trellis", "gasket", "prism", "anvil", "thimble", "abacus")
LATER = ("compass", "bellows", "plumb line")


def lines_about(*things: str) -> str:
    """A line of JSON for each thing, unlike all others."""
    return "".join(
        json.dumps(
            {"instruction": f"Explain what a {thing} is for.", "output": f"With a {thing} people do {thing} work."}
        )
        + "\n"
        for thing in things
    )


class Project(NamedTuple):
    """A folder with an assay.yaml and raw data."""

    folder: Path
    environment: dict[str, str]

    @property
    def out(self) -> Path:
        return self.folder / "release"

    def says(self, text: str) -> None:
        """The content of assay.yaml; without other words its source is raw.jsonl, its release in `release`."""
        (self.folder / "assay.yaml").write_text(text)

    def grows(self, *things: str) -> None:
        with (self.folder / "raw.jsonl").open("a") as file:
            file.write(lines_about(*things))

    def assay(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*ASSAY, *words],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def refusal(self, *words: str, **environment: str) -> str:
        """What is said where a call is refused: one line, exit code 2."""
        done = self.assay(*words, **environment)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr


class Served:
    """A command that stays, and what it says on stderr."""

    def __init__(self, project: Project, *words: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*ASSAY, *words],
            cwd=project.folder,
            env=project.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def hears(self, words: str, times: int = 1) -> str:
        """Wait until a line with these words was said so many times; that line."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = [line for line in list(self.lines) if words in line]
            if len(found) >= times:
                return found[times - 1]
            if self.process.poll() is not None and not self._reader.is_alive():
                break
            time.sleep(0.1)
        raise AssertionError(f"{words!r} was not said {times} times:\n" + "\n".join(self.lines))

    def ends(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to the command alone; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        # A child that outlives it would keep the pipe, and this thread, open; the fixture ends that one too.
        self._reader.join(10)
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()
        return code

    def session(self) -> list[int]:
        """The pids of all that it has started and that lives, itself included, in whatever session."""
        return sorted(_descendants(self.process.pid))


def _descendants(pid: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            state, parent = stat.rsplit(")", 1)[1].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found = {pid} & parents.keys()
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def project(tmp_path: Path, cache: Path) -> Project:
    return made_project(tmp_path, cache)


def made_project(folder: Path, cache: Path) -> Project:
    foreign = ("ASSAY_DATABASE_URL", "ARGILLA_API_URL", "ARGILLA_API_KEY", "PREFECT_API_URL", "PREFECT_LOGGING_LEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    environment |= {
        "PREFECT_HOME": str(folder / "prefect"),
        "ASSAY_CACHE": str(cache),
        "ASSAY_HOME": str(folder / "store"),
        "PYTHONPATH": str(ROOT),
    }
    project = Project(folder, environment)
    (folder / "raw.jsonl").write_text(lines_about(*FIRST))
    project.says("project:\n  sources: [raw.jsonl]\n  out: release\n")
    return project


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts a command that stays; all are ended with the test, and whatever they left running."""
    started: list[Served] = []

    def start(project: Project, *words: str, **environment: str) -> Served:
        started.append(Served(project, *words, **environment))
        return started[-1]

    yield start
    for one in started:
        left = one.session()
        one.ends()
        for pid in left:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Bucket(NamedTuple):
    """A bucket on an S3 API that runs here, and what a process needs to reach it."""

    url: str
    environment: dict[str, str]
    filesystem: Any

    def names(self, below: str = "") -> list[str]:
        """What lies in it, by its path below the bucket."""
        self.filesystem.invalidate_cache()
        root = self.url.removeprefix("s3://")
        return sorted(path.removeprefix(f"{root}/") for path in self.filesystem.find(f"{root}/{below}"))


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty one, on moto's server."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: assay[s3]")
    port = free_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with (tmp_path / "moto.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _until_it_answers(f"http://127.0.0.1:{port}/moto-api/", process)
        s3fs.S3FileSystem.clear_instance_cache()
        filesystem = s3fs.S3FileSystem()
        filesystem.mkdir("releases")
        yield Bucket("s3://releases", environment, filesystem)
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        process.terminate()
        process.wait(30)


def _until_it_answers(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"nobody answers at {url}")


class Server:
    """A Prefect server in a process of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self._folder = folder
        self._environment = {
            **os.environ, "PREFECT_HOME": str(folder / "home"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "WARNING", **environment,
        }  # fmt: skip
        self._environment.pop("PREFECT_API_URL", None)
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self._folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise AssertionError((self._folder / "server.log").read_text()[-2000:])

    def killed(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        self.process.wait(60)

    def asks(self, method: str, path: str, **content: Any) -> Any:
        """What the API says."""
        for _ in range(20):
            answer = httpx.request(method, f"{self.url}{path}", json=content or None, timeout=60)
            if answer.status_code != 503:  # its SQLite is busy; Prefect's own client tries again too
                break
            time.sleep(1)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def run(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run of FLOW/PROJECT; the run's id."""
        known = self.asks("GET", f"/deployments/name/{deployment}")
        wanted = {"parameters": known["parameters"] | parameters}
        asked: str = self.asks("POST", f"/deployments/{known['id']}/create_flow_run", **wanted)["id"]
        return asked

    def ended(self, run: str) -> dict[str, Any]:
        """The run, once it has ended."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.asks("GET", f"/flow_runs/{run}")
            if found["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
                return found
            time.sleep(0.3)
        raise AssertionError(f"the run has not ended: {found['state']}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For all tests that kill none."""
    started = Server(tmp_path_factory.mktemp("prefect"))
    yield started
    started.killed(signal.SIGTERM)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Server]:
    """For a test that kills it."""
    (tmp_path / "server").mkdir()
    started = Server(tmp_path / "server")
    yield started
    started.killed()
