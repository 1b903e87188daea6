"""The Prefect server dies while a run is on: the run finishes, and its release is the whole new one."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.gate import gate, report_of

# Prefect's client tries for a minute as it comes; here nobody starts the server again.
ONE_TRY = {"PREFECT_CLIENT_MAX_RETRIES": "1"}


@pytest.mark.long
@pytest.mark.slow
def test_a_run_goes_on_when_its_server_is_killed(project: Any, mortal: Any, serve: Callable[..., Any]) -> None:
    words = ("curate", "raw.jsonl", "--out", "release")
    first = project.assay(*words, PREFECT_API_URL=mortal.url)
    assert first.returncode == 0, first.stderr
    assert report_of(project.out).run.orchestrator == "prefect"
    project.grows("compass", "bellows")
    run = serve(project, *words, PREFECT_API_URL=mortal.url, **ONE_TRY)
    run.hears("ingest")
    mortal.killed()
    assert run.process.wait(600) == 0
    run.hears("went away; the run went on, and its release is finished")
    told = [line for line in run.lines if "ERROR" in line or "Traceback" in line]
    assert told == []
    assert gate(project.out).passed
    assert report_of(project.out).rows.source_rows == 12


def test_a_server_that_never_answered_is_one_line(project: Any) -> None:
    said = project.refusal("curate", "raw.jsonl", "--out", "release", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert "no Prefect server answers there" in said
    assert not project.out.exists()


@pytest.mark.slow
@pytest.mark.long
def test_serve_starts_its_own_server_again_and_the_run_that_was_on_finishes(
    project: Any, serve: Callable[..., Any]
) -> None:
    project.says("project: {sources: [raw.jsonl], out: release, schedules: {curate: {interval: 20}}}\n")
    served = serve(project, "serve", "--port", "0")
    served.hears("ingest")
    (prefect,) = [pid for pid in served.session() if _is_the_server(pid)]
    os.killpg(prefect, signal.SIGKILL)
    served.hears("does not answer; the run that is on goes on")
    served.hears("starting it again")
    served.hears("curate        done")
    assert gate(project.out).passed
    # Its schedule goes on as well.
    project.grows("compass")
    served.hears("release              11 written")
    assert report_of(project.out).rows.source_rows == 11
    assert [line for line in served.lines if "ERROR" in line or "Traceback" in line] == []
    assert served.ends() == 0


def _is_the_server(pid: int) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return words[1:5] == [b"-m", b"prefect", b"server", b"start"]
