"""A gate that fails is an event, and what assay.yaml names follows from it: a run, a notification."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from pipelines.gate import report_of

STRICT = "name: strict\ndemands:\n  - {figure: rows.released, min: 100000, why: a model needs that many}\n"


@pytest.fixture
def post() -> Iterator[tuple[int, list[str]]]:
    """A port where somebody takes notifications, and what they said."""
    said: list[str] = []

    class Taken(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Taken)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield listening.server_port, said
    listening.shutdown()
    listening.server_close()


def _block(server: Any, port: int) -> None:
    """A notification block, as a person makes it in the UI."""
    (kind,) = [one for one in server.asks("POST", "/block_types/filter", limit=200) if one["slug"] == "custom-webhook"]
    (schema,) = server.asks(
        "POST", "/block_schemas/filter", block_schemas={"block_type_id": {"any_": [kind["id"]]}}, limit=1
    )
    server.asks(
        "POST",
        "/block_documents/",
        name="data-team",
        block_type_id=kind["id"],
        block_schema_id=schema["id"],
        data={
            "name": "data-team",
            "url": f"http://127.0.0.1:{port}/",
            "json_data": {"title": "{{subject}}", "text": "{{body}}"},
        },
    )


@pytest.mark.slow
@pytest.mark.long
def test_a_failed_gate_runs_a_deployment_and_tells_people(
    project: Any, server: Any, serve: Callable[..., Any], post: tuple[int, list[str]]
) -> None:
    port, said = post
    server.asks("POST", "/block_types/install_system_block_types")
    _block(server, port)
    (project.folder / "strict.yaml").write_text(STRICT)
    project.says(
        "project:\n  sources: [raw.jsonl]\n  out: release\n  publish: shelf\n"
        "  on_failed_gate: {run: annotate-push, notify: custom-webhook/data-team}\n"
        "policy: strict.yaml\nannotation: {project: refused}\n"
    )
    served = serve(project, "serve", PREFECT_API_URL=server.url)
    assert "runs annotate-push/refused and notifies custom-webhook/data-team" in served.hears("failed gate")
    served.hears("serving", times=5)

    # Made, but refused: the run is done, the gate and the release are not.
    made = server.ended(server.run("curate/refused"))
    assert made["state_type"] == "COMPLETED"
    assert report_of(project.out).gate is not None
    deadline = time.monotonic() + 120
    while not said and time.monotonic() < deadline:
        time.sleep(0.5)
    assert "rows.released is 10" in said[0]
    assert "must be at least 100000" in said[0]
    assert "Assay: the gate failed for" in said[0]
    assert str(project.out) in said[0]

    # Nobody can be asked here, and the run that was to ask says so.
    assert "no Argilla server" in served.hears("annotate-push failed")

    # Found unchanged, it is not told of again.
    server.ended(server.run("curate/refused"))
    judged = server.ended(server.run("gate/refused"))
    assert judged["state_type"] == "FAILED"
    assert "policy 'strict' is not met: rows.released is 10" in judged["state"]["message"]
    kept_back = server.ended(server.run("release/refused"))
    assert kept_back["state_type"] == "FAILED"
    assert not (project.folder / "shelf").exists()
    events = _events(server, 3)  # of the run that made it, of the gate, and of the release that was kept back
    (demand,) = events[0]["payload"]["failed"]
    assert demand == {
        "figure": "rows.released", "measured": 10, "requirement": "at least 100000", "why": "a model needs that many",
    }  # fmt: skip
    assert events[0]["resource"]["assay.release.folder"] == str(project.out)


def _events(server: Any, number: int) -> list[dict[str, Any]]:
    """The events of failed gates, once there are so many: the server keeps them a moment after it was told."""
    deadline = time.monotonic() + 120
    found: list[dict[str, Any]] = []
    while len(found) < number and time.monotonic() < deadline:
        time.sleep(0.5)
        found = server.asks("POST", "/events/filter", filter={"event": {"name": ["assay.gate.failed"]}})["events"]
    assert len(found) == number
    return found


@pytest.mark.long
def test_a_block_that_is_not_there_is_one_line_and_an_automation_goes_with_its_line(
    project: Any, server: Any, serve: Callable[..., Any]
) -> None:
    text = "annotation: {project: told}\nproject: {sources: [raw.jsonl], out: release, on_failed_gate: {%s}}\n"
    project.says(text % "notify: slack-webhook/nobody")
    said = project.refusal("serve", PREFECT_API_URL=server.url)
    assert "the server has no block slack-webhook/nobody; make it in the UI" in said
    project.says(text % "run: train/nobody")
    said = project.refusal("serve", PREFECT_API_URL=server.url)
    assert "the server has no deployment train/nobody" in said
    name = "assay told: failed gate"
    for line, expected in (("run: annotate-pull", 1), ("run: annotate-push", 1)):
        project.says(text % line)
        served = serve(project, "serve", PREFECT_API_URL=server.url)
        served.hears("serving", times=5)
        assert _automations(server, name) == expected
        served.ends()
    project.says("annotation: {project: told}\nproject: {sources: [raw.jsonl], out: release}\n")
    served = serve(project, "serve", PREFECT_API_URL=server.url)
    served.hears("serving", times=5)
    assert _automations(server, name) == 0


def _automations(server: Any, name: str) -> int:
    return len([one for one in server.asks("POST", "/automations/filter", limit=200) if one["name"] == name])


def test_two_projects_of_one_name_are_not_mixed(project: Any, server: Any, serve: Callable[..., Any]) -> None:
    project.says("annotation: {project: mine}\nproject: {sources: [raw.jsonl], out: release}\n")
    serve(project, "serve", PREFECT_API_URL=server.url).hears("serving", times=5)
    other = project.folder / "other.yaml"
    other.write_text((project.folder / "assay.yaml").read_text())
    said = project.refusal("serve", "--config", "other.yaml", PREFECT_API_URL=server.url)
    assert "is already served for" in said
    assert "give annotation.project in other.yaml another name" in said
