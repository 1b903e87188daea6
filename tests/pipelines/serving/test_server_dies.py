"""The Prefect server dies while a run is on: the run finishes, and its release is the whole new one."""

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.gate import gate, report_of

# Prefect's client tries for a minute as it comes; here nobody starts the server again.
ONE_TRY = {"PREFECT_CLIENT_MAX_RETRIES": "1"}


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
