"""The client against a real server: what it makes, sends and reads, and what it says when that cannot be."""

import socket
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

import httpx
import pytest

from annotation.asking.questions import DatasetSpec, FieldSpec, MetadataSpec, QuestionSpec
from annotation.asking.tasks import Suggestion, Task
from annotation.exchange import remote
from annotation.exchange.client import Client
from annotation.exchange.remote import Remote
from annotation.exchange.transport import Refusal
from schemas.decision import TaskKind
from schemas.errors import AnnotationError

SPEC = DatasetSpec(
    kind=TaskKind.RECORD,
    guidelines="# Read it, judge it",
    fields=(FieldSpec("prompt", "Prompt", "text", True), FieldSpec("talk", "Conversation", "chat", False)),
    questions=(
        QuestionSpec("verdict", "Verdict", "What should become of it?", "label", True, {"accept": "Yes", "fix": "Fix"}),
        QuestionSpec("why", "Why", None, "multi_label", False, {"wrong": "Wrong", "form": "Bad form"}),
        QuestionSpec("correct", "Correct", None, "rating", False, {str(mark): str(mark) for mark in range(1, 6)}),
        QuestionSpec("text", "Corrected", None, "text", False, {}),
        QuestionSpec("best", "Better", None, "ranking", False, {"a": "The first", "b": "The second"}),
    ),
    metadata=(MetadataSpec("subject", "Subject", "terms", True), MetadataSpec("quality", "Quality", "float", False)),
    dimensions=3,
    min_submitted=1,
)
HOSTILE = "<script>alert(1)</script> \u202eright to left\u202c \U0001f9d1\u200d\U0001f680 \x07 \u0000 end\r\n"


def task(name: str, **fields: Any) -> Task:
    shown = {"prompt": f"What is {name}?", "talk": [{"role": "user", "content": "Hello"}]}
    return Task(
        task_id=name,
        kind=TaskKind.RECORD,
        subject=name,
        record_id=name,
        twin_id=None,
        tier="crowd",
        dataset="d",
        min_submitted=1,
        domain="code",
        reasons=("refusal.partial",),
        gold=None,
        fields=shown | fields,
        suggestions=(
            Suggestion("verdict", "fix", 0.5, "assay"),
            Suggestion("why", ["wrong", "form"], 0.25, "assay"),
            Suggestion("best", [{"value": "a", "rank": 1}, {"value": "b", "rank": 2}], None, "assay"),
        ),
        metadata={"subject": "code", "quality": None},
        vector=(0.5, 0.25, 0.125),
    )


@pytest.fixture
def client(argilla: Any) -> Iterator[Client]:
    with Client(argilla.url, argilla.api_key) as made:
        yield made


@pytest.fixture
def dataset(client: Client) -> Remote:
    return client.ensure_dataset("crowd", f"d-{uuid4().hex[:8]}", SPEC)


def rest(argilla: Any, who: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"X-Argilla-Api-Key": argilla.accounts[who].api_key}
    answer = httpx.request(method, f"{argilla.url}/api/v1/{path}", headers=headers, json=body, timeout=60)
    assert answer.is_success, answer.text
    return answer.json()


def send(client: Client, dataset: Remote, *tasks: Task) -> list[str]:
    return [task_id for batch in client.upsert(dataset, tasks) for task_id in batch.task_ids]


def test_a_dataset_is_made_once_and_asks_what_was_specified(client: Client, argilla: Any) -> None:
    name = f"d-{uuid4().hex[:8]}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = client.ensure_dataset("crowd", name, SPEC)
    assert client.ensure_dataset("crowd", name, SPEC) == made == client.find_dataset("crowd", name)
    fields = rest(argilla, "ana", "GET", f"datasets/{made.id}/fields")["items"]
    assert [field["settings"] for field in fields] == [
        {"type": "text", "use_markdown": True},
        {"type": "chat", "use_markdown": True},
    ]
    questions = rest(argilla, "ana", "GET", f"datasets/{made.id}/questions")["items"]
    assert {question["name"]: question["settings"]["type"] for question in questions} == {
        "verdict": "label_selection",
        "why": "multi_label_selection",
        "correct": "rating",
        "text": "text",
        "best": "ranking",
    }
    seen = rest(argilla, "ana", "GET", f"me/datasets/{made.id}/metadata-properties")["items"]
    assert [metadata["name"] for metadata in seen] == ["subject"]


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (SPEC._replace(questions=SPEC.questions[:2]), "its questions differ (only on the server: best, correct, text)"),
        (SPEC._replace(fields=SPEC.fields[:1]), "its fields differ (only on the server: talk)"),
        (SPEC._replace(min_submitted=3), "asks 1 people each, not 3; set annotation.overlap.annotators back to 1"),
        (SPEC._replace(dimensions=8), "its vectors have 3 numbers, not 8"),
    ],
)
def test_a_dataset_that_asks_something_else_is_not_touched(
    client: Client, dataset: Remote, other: DatasetSpec, complaint: str
) -> None:
    for attempt in (client.check_dataset, client.ensure_dataset):
        with pytest.raises(AnnotationError) as refusal:
            attempt("crowd", dataset.name, other)
        assert complaint in str(refusal.value)
        assert "annotation.project" in str(refusal.value)


def test_what_may_be_added_to_a_dataset_in_use_is_added(client: Client, dataset: Remote, argilla: Any) -> None:
    wider = SPEC._replace(metadata=(*SPEC.metadata, MetadataSpec("source", "Source", "terms", True)), guidelines="New")
    client.ensure_dataset("crowd", dataset.name, wider)
    seen = rest(argilla, "ana", "GET", f"me/datasets/{dataset.id}/metadata-properties")["items"]
    assert {metadata["name"] for metadata in seen} == {"subject", "source"}
    assert rest(argilla, "ana", "GET", f"datasets/{dataset.id}")["guidelines"] == "New"


def test_a_draft_that_a_crash_left_is_made_anew(client: Client, argilla: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "DRAFT_SECONDS", 1)
    name = f"d-{uuid4().hex[:8]}"
    workspace = client.ensure_workspace("crowd")
    rest(argilla, "owner", "POST", "datasets", {"name": name, "workspace_id": workspace})
    assert client.find_dataset("crowd", name) is None
    made = client.ensure_dataset("crowd", name, SPEC)
    assert send(client, made, task("one")) == ["one"]


def test_what_is_sent_twice_is_there_once_and_as_it_was(client: Client, dataset: Remote) -> None:
    hostile = task("hostile", prompt=HOSTILE, talk=[{"role": "user", "content": HOSTILE}])
    for _ in range(2):
        assert send(client, dataset, task("plain"), hostile) == ["plain", "hostile"]
    assert client.external_ids(dataset) == {"plain", "hostile"}
    stored = client.stored(dataset, ["hostile", "nobody"])
    assert stored.keys() == {"hostile"}
    assert stored["hostile"].fields == hostile.fields
    assert stored["hostile"].metadata == {"subject": "code"}
    assert stored["hostile"].vector == (0.5, 0.25, 0.125)


def test_what_the_server_refuses_costs_itself_only(client: Client, dataset: Remote) -> None:
    bad = {
        "surrogate": task("surrogate", prompt="half a sign \ud800"),
        "number": task("number", prompt=5),
        "field": task("field", extra="a field that the dataset does not have"),
        "vector": task("vector")._replace(vector=(1.0, 2.0)),
        "metadata": task("metadata")._replace(metadata={"quality": "high"}),
        "suggestion": task("suggestion")._replace(suggestions=(Suggestion("verdict", "maybe", None, "assay"),)),
    }
    good = [task(f"good-{number}") for number in range(20)]
    batches = list(client.upsert(dataset, [*good[:10], *bad.values(), *good[10:]]))
    refused = {one.task_id: one.reason for batch in batches for one in batch.refused}
    assert refused.keys() == bad.keys()
    assert all(refused.values())
    assert "surrogates" in refused["surrogate"]
    assert "'extra'" in refused["field"]
    assert client.external_ids(dataset) == {one.task_id for one in good}


def test_a_megabyte_of_text_and_many_small_ones_arrive(client: Client, dataset: Remote) -> None:
    tasks = [task(f"long-{number}", prompt=f"{number}" * 1_000_000) for number in range(6)]
    tasks += [task(f"short-{number}") for number in range(600)]
    sizes = [len(batch.task_ids) for batch in client.upsert(dataset, tasks)]
    assert sum(sizes) == 606
    assert max(sizes) <= 500
    assert sizes[0] == 4  # six megabytes do not travel together
    assert client.external_ids(dataset) == {one.task_id for one in tasks}


def test_responses_are_read_with_names_status_and_times(client: Client, dataset: Remote, argilla: Any) -> None:
    send(client, dataset, *(task(f"t-{number}") for number in range(120)))
    records = rest(argilla, "owner", "GET", f"datasets/{dataset.id}/records?limit=500")["items"]
    ids = {record["external_id"]: record["id"] for record in records}
    said = {"verdict": {"value": "fix"}, "text": {"value": HOSTILE}}
    rest(argilla, "ana", "POST", f"records/{ids['t-7']}/responses", {"values": said, "status": "submitted"})
    rest(argilla, "ben", "POST", f"records/{ids['t-7']}/responses", {"status": "discarded"})
    rest(argilla, "ben", "POST", f"records/{ids['t-99']}/responses", {"values": said, "status": "draft"})
    pages = list(client.responses(dataset))
    assert {task_id for page in pages for task_id in page.task_ids} == ids.keys()
    answers = {(one.task_id, one.annotator): one for page in pages for one in page.answers}
    assert {who: one.status for who, one in answers.items()} == {
        ("t-7", "ana"): "submitted",
        ("t-7", "ben"): "discarded",
        ("t-99", "ben"): "draft",
    }
    assert answers["t-7", "ana"].answers == {"verdict": "fix", "text": HOSTILE}
    assert answers["t-7", "ben"].answers == {}
    assert answers["t-7", "ana"].inserted_at.utcoffset() is not None
    progress = client.progress(dataset)
    assert (progress.total, progress.completed, progress.pending) == (120, 1, 119)
    assert progress.users["ben"] == {"submitted": 0, "draft": 1, "discarded": 1}


def test_what_is_withdrawn_is_gone(client: Client, dataset: Remote) -> None:
    send(client, dataset, *(task(f"t-{number}") for number in range(150)))
    assert client.withdraw(dataset, [f"t-{number}" for number in range(149)] + ["nobody"]) == set()
    assert client.external_ids(dataset) == {"t-149"}


def test_people_get_into_the_workspace_of_their_tier_and_those_without_an_account_are_named(client: Client) -> None:
    made = client.ensure_user(name := f"zoe-{uuid4().hex[:6]}")
    assert made is not None
    assert len(made.password) >= 16
    assert made.api_key
    assert client.ensure_user(name) is None
    tier = f"tier-{uuid4().hex[:6]}"
    assert client.ensure_members(tier, [name, "nobody"]) == ["nobody"]
    assert client.ensure_members(tier, [name]) == []


def test_a_wrong_key_an_annotators_key_and_none_are_told_apart(argilla: Any) -> None:
    with pytest.raises(AnnotationError, match="refuses the API key; set ARGILLA_API_KEY"):
        Client(argilla.url, "argilla.apikey")
    with pytest.raises(AnnotationError, match="'ana' is an annotator, who may only answer"):
        Client(argilla.url, argilla.accounts["ana"].api_key)
    with pytest.raises(AnnotationError, match="no Argilla server or API key is given"):
        Client(argilla.url, " ")


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:70000"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(AnnotationError, match="ARGILLA_API_URL"):
        Client(url, "secret-key")


@pytest.mark.parametrize("key", ["clé-\u4e2d", "two\nlines"])
def test_a_key_that_is_none_is_not_repeated(argilla: Any, key: str) -> None:
    with pytest.raises(AnnotationError, match="correct ARGILLA_API_URL and ARGILLA_API_KEY") as refusal:
        Client(argilla.url, key)
    assert key not in str(refusal.value)


def test_a_server_that_does_not_run() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(AnnotationError, match=r"cannot be reached .*assay annotate serve") as refusal:
        Client(f"http://name:password@127.0.0.1:{port}", "secret-key")
    assert "password" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


class _Other(BaseHTTPRequestHandler):
    answers: list[tuple[int, str]]

    def do_GET(self) -> None:
        status, text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def other_server() -> Iterator[Any]:
    handler = type("Handler", (_Other,), {"answers": [(200, "")]})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([(200, "<html>Welcome</html>")], "is no Argilla server"),
        ([(404, "not here")], "is no Argilla server"),
        ([(302, "")], "is no Argilla server"),
        ([(200, "[]")], "is no Argilla server"),
        ([(200, '{"version": "yes"}')], "is no Argilla server"),
        ([(200, '{"version": "1.29.0"}')], "runs Argilla 1.29.0; Assay needs 2.4 or newer"),
        ([(200, '{"version": "3.0.0"}')], "runs Argilla 3.0.0"),
        ([(503, "busy")], "answers 503"),
    ],
)
def test_what_is_no_argilla_server(other_server: Any, answers: list[tuple[int, str]], complaint: str) -> None:
    other_server.RequestHandlerClass.answers = answers
    with pytest.raises(AnnotationError, match=complaint) as refusal:
        Client(f"http://127.0.0.1:{other_server.server_port}", "key")
    assert "\n" not in str(refusal.value)


def test_a_server_that_is_busy_for_a_moment_is_asked_again(other_server: Any) -> None:
    me = '{"username": "owner", "role": "owner"}'
    other_server.RequestHandlerClass.answers = [(503, "busy"), (200, '{"version": "2.8.0"}'), (502, ""), (200, me)]
    with Client(f"http://127.0.0.1:{other_server.server_port}", "key") as client:
        assert client.role == "owner"


def test_a_dataset_that_was_deleted_meanwhile_is_said(client: Client, dataset: Remote, argilla: Any) -> None:
    rest(argilla, "owner", "DELETE", f"datasets/{dataset.id}")
    with pytest.raises(Refusal, match="answers 404"):
        list(client.upsert(dataset, [task("one")]))
    assert client.find_dataset("crowd", dataset.name) is None
