"""A project is served by the clock: its source grows between two runs, and it is stopped, with all it has started."""

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.gate import gate, report_of

SERVED = """\
project:
  sources: [raw.jsonl]
  out: release
  publish: shelf
  schedules:
    curate: {interval: 15}
    gate: {cron: 30 4 * * 1, timezone: Europe/Berlin}
"""


@pytest.mark.slow
def test_a_scheduled_project_from_its_start_to_its_end(project: Any, serve: Callable[..., Any]) -> None:
    project.says(SERVED)
    served = serve(project, "serve", "--port", "0")

    # It says where the UI is, and of each deployment when it runs.
    assert served.hears("ui").split()[1].startswith("http://127.0.0.1:")
    assert "curate/assay                 every 15 s, next 20" in served.hears("curate/assay")
    assert "cron 30 4 * * 1 (Europe/Berlin), next 20" in served.hears("gate/assay")
    for name in ("release", "annotate-push", "annotate-pull"):
        assert "when it is asked for" in served.hears(f"{name}/assay")

    served.hears("curate        done")
    first = report_of(project.out)
    assert first.rows.source_rows == 10
    served.hears("nothing has changed")
    project.grows("compass", "bellows", "plumb line")
    served.hears("curate        begins", times=len([line for line in served.lines if "begins" in line]) + 1)
    served.hears("read                 13 rows of raw.jsonl")
    served.hears("release              13 written")
    served.hears("curate        done", times=len([line for line in served.lines if "done" in line]) + 1)
    second = report_of(project.out)
    assert (second.rows.source_rows, gate(project.out).passed) == (13, True)
    # Only what is new was touched; one of the three may be embedded again in full precision.
    new = second.run.new
    assert new is not None
    assert (new.checked.all, new.checked.new) == (13, 3)
    assert (new.signed.all, new.signed.new) == (13, 3)
    assert 3 <= new.embedded.new <= 6
    assert not [line for line in served.lines if "ERROR" in line or "Traceback" in line]

    # Told to stop, it ends, and so does all that it has started.
    everything = served.session()
    assert len(everything) > 1
    assert served.ends(signal.SIGTERM) == 0
    assert served.lines[-1].startswith("stopped")
    assert [pid for pid in everything if _lives(pid)] == []


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_stopped_while_its_server_starts_it_leaves_none(project: Any, serve: Callable[..., Any]) -> None:
    project.says(SERVED)
    served = serve(project, "serve", "--port", "0")
    served.hears("starting Prefect's own")
    while len(everything := served.session()) < 2:
        assert served.process.poll() is None
    assert served.ends(signal.SIGTERM) == 0
    assert [pid for pid in everything if _lives(pid)] == []


@pytest.mark.long
def test_killed_in_the_middle_of_a_run_it_loses_nothing_and_the_next_goes_on_at_its_server(
    project: Any, serve: Callable[..., Any]
) -> None:
    project.says(SERVED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    first = serve(project, "serve", "--port", str(port))
    first.hears("ingest")
    left = first.session()
    try:
        assert first.ends(signal.SIGKILL) == -signal.SIGKILL
        # Its server, which nobody has stopped, is found by its address.
        again = serve(project, "serve", PREFECT_API_URL=f"http://127.0.0.1:{port}/api")
        again.hears("serving", times=5)
        again.hears("curate        done")
        assert report_of(project.out).rows.source_rows == 10
        assert again.ends(signal.SIGTERM) == 0
        assert not (project.out / ".work").exists()
    finally:
        for pid in filter(_lives, left):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.long
def test_stopped_in_the_middle_of_a_run_the_earlier_release_stays(
    project: Any, server: Any, serve: Callable[..., Any]
) -> None:
    assert project.assay("curate", "raw.jsonl", "--out", "release", PREFECT_API_URL="").returncode == 0
    before = (project.out / "manifest.json").read_bytes()
    project.grows("compass")
    project.says(SERVED.replace("interval: 15", "interval: 600") + "annotation: {project: stopped}\n")
    served = serve(project, "serve", PREFECT_API_URL=server.url)
    served.hears("serving", times=5)
    server.run("curate/stopped")
    served.hears("ingest")
    everything = served.session()
    assert served.ends(signal.SIGTERM) == 0
    assert [pid for pid in everything if _lives(pid)] == []
    assert (project.out / "manifest.json").read_bytes() == before
    assert not (project.out / ".work").exists()
    known = server.asks("GET", "/deployments/name/curate/stopped")
    assert known["paused"] is True

    # Served again, it goes on.
    again = serve(project, "serve", PREFECT_API_URL=server.url)
    again.hears("serving", times=5)
    assert server.asks("GET", "/deployments/name/curate/stopped")["paused"] is False
    assert server.ended(server.run("curate/stopped"))["state_type"] == "COMPLETED"
    assert report_of(project.out).rows.source_rows == 11
    assert again.ends(signal.SIGINT) == 0


@pytest.mark.long
def test_two_runs_at_once_come_one_after_the_other_and_one_that_meets_the_lock_says_so(
    project: Any, server: Any, serve: Callable[..., Any]
) -> None:
    project.says("project: {sources: [raw.jsonl], out: release, publish: shelf}\nannotation: {project: twice}\n")
    served = serve(project, "serve", PREFECT_API_URL=server.url)
    served.hears("serving", times=5)
    asked = [server.run("curate/twice"), server.run("curate/twice"), server.run("gate/twice")]
    first, second, judged = sorted((server.ended(run) for run in asked), key=lambda run: run["start_time"])
    assert {run["state_type"] for run in (first, second, judged)} == {"COMPLETED"}
    assert first["end_time"] <= second["start_time"]
    assert second["end_time"] <= judged["start_time"]

    # Somebody curates by hand meanwhile.
    from pipelines._workspace import workspace

    project.grows("compass")
    with workspace(project.out):
        failed = server.ended(server.run("curate/twice"))
    assert failed["state_type"] == "FAILED"
    assert "another run is writing there" in failed["state"]["message"]
    line = served.hears("curate        failed")
    assert "release: another run is writing there (process" in line
    assert report_of(project.out).rows.source_rows == 10

    # By hand: published once, and not again.
    assert server.ended(server.run("curate/twice"))["state_type"] == "COMPLETED"
    for _ in range(2):
        assert server.ended(server.run("release/twice"))["state_type"] == "COMPLETED"
    (shelved,) = (project.folder / "shelf").iterdir()
    assert (shelved / "manifest.json").read_bytes() == (project.out / "manifest.json").read_bytes()
    assert "0 of" in served.hears("published", times=2)
    assert served.ends() == 0


@pytest.mark.slow
@pytest.mark.long
def test_new_data_is_curated_when_it_rests_and_only_then(project: Any, server: Any, serve: Callable[..., Any]) -> None:
    project.says("project: {sources: [incoming], out: release, watch: {every: 1}}\nannotation: {project: watched}\n")
    served = serve(project, "serve", PREFECT_API_URL=server.url)
    served.hears("watching")
    incoming = project.folder / "incoming"
    incoming.mkdir()
    os.rename(project.folder / "raw.jsonl", incoming / "a.jsonl")
    served.hears("new           incoming/a.jsonl; asked for a run of curate")
    served.hears("curate        done")
    assert report_of(project.out).rows.source_rows == 10
    (incoming / "b.jsonl").write_text(json.dumps({"instruction": "Say tea.", "output": "Tea, as you wish."}) + "\n")
    served.hears("new           incoming/b.jsonl; asked for a run of curate")
    served.hears("curate        done", times=2)
    assert report_of(project.out).rows.source_rows == 11
    assert served.ends() == 0
    assert len([line for line in served.lines if line.startswith("new ")]) == 2

    # What it had seen it knows when it is served again.
    again = serve(project, "serve", PREFECT_API_URL=server.url)
    again.hears("watching")
    (incoming / "c.jsonl").write_text(json.dumps({"instruction": "Say milk.", "output": "Milk, with pleasure."}) + "\n")
    assert again.hears("new ") == "new           incoming/c.jsonl; asked for a run of curate"
