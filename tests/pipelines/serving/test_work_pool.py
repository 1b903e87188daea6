"""prefect.yaml as an operator uses it: deployed to a work pool, and run by a worker that knows only the package."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.gate import gate

ROOT = Path(__file__).resolve().parents[3]
PREFECT = (sys.executable, "-m", "prefect")


def test_prefect_yaml_has_every_flow_by_module() -> None:
    from pipelines import flow as flows
    from pipelines.serving.plan import DEPLOYMENTS

    content = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    entries = [one["entrypoint"] for one in content["deployments"]]
    assert entries == [f"pipelines.flow.{name.replace('-', '_')}" for name in DEPLOYMENTS]
    assert {getattr(flows, entry.rsplit(".", 1)[1]).name for entry in entries} == set(DEPLOYMENTS)
    assert all(one["concurrency_limit"]["limit"] == 1 for one in content["deployments"])


@pytest.mark.slow
def test_a_worker_runs_what_was_deployed(project: Any, server: Any, tmp_path: Path) -> None:
    environment = project.environment | {
        "PREFECT_API_URL": server.url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "ASSAY_CONFIG": str(project.folder / "assay.yaml"),
    }
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def prefect(*words: str, folder: Path) -> str:
        done = subprocess.run(
            [*PREFECT, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    before = {path.name for path in ROOT.iterdir()}
    prefect("work-pool", "create", "assay", "--type", "process", "--overwrite", folder=elsewhere)
    prefect("work-pool", "set-concurrency-limit", "assay", "1", folder=elsewhere)
    said = prefect("--no-prompt", "deploy", "--all", folder=ROOT)
    for name in ("curate", "gate", "release", "annotate-push", "annotate-pull"):
        assert f"{name}/assay" in said
    assert {path.name for path in ROOT.iterdir()} == before

    log = tmp_path / "worker.log"
    with log.open("wb") as sink:
        worker = subprocess.Popen(
            [*PREFECT, "worker", "start", "--pool", "assay", "--limit", "1"],
            cwd=elsewhere, env=environment, stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
    try:
        asked = [server.run("curate/assay"), server.run("gate/assay")]
        made, judged = sorted((server.ended(run) for run in asked), key=lambda run: run["start_time"])
        assert made["state_type"] == judged["state_type"] == "COMPLETED", log.read_text()[-3000:]
        assert made["end_time"] <= judged["start_time"]
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        try:
            worker.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(60)
    assert gate(project.out).passed
    assert "release              10 written" in log.read_text()
