"""Tasks in batches: cut by number and bytes, and a refusal costs what was refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.asking.tasks import Suggestion, Task
from annotation.exchange import batches
from annotation.exchange.batches import Encoded, Refused, encoded, send
from annotation.exchange.transport import Refusal
from schemas.decision import TaskKind


def some(*names: str, size: int = 10) -> list[Encoded]:
    return [Encoded(name, json.dumps({"external_id": name, "pad": "x" * size}).encode()) for name in names]


class Server:
    """Takes records; refuses any batch that holds a bad one, as the real one does."""

    def __init__(self, bad: set[str], status: int = 422) -> None:
        self.bad, self.status = bad, status
        self.held: set[str] = set()
        self.requests = 0

    def put(self, body: bytes) -> None:
        self.requests += 1
        names = {item["external_id"] for item in json.loads(body)["items"]}
        if names & self.bad:
            raise Refusal("no", self.status, f"{len(names)} records with a bad one")
        self.held |= names


@given(st.lists(st.integers(1, 3_000_000), max_size=40))
def test_batches_keep_order_and_limits(sizes: list[int]) -> None:
    tasks = [Encoded(str(number), bytes(size)) for number, size in enumerate(sizes)]
    cut = list(batches.batches(tasks))
    assert [task for batch in cut for task in batch] == tasks
    assert all(len(batch) == 1 or sum(len(task.body) for task in batch) <= batches.MAX_BYTES for batch in cut)


def test_five_hundred_at_most() -> None:
    assert [len(batch) for batch in batches.batches(some(*map(str, range(1200))))] == [500, 500, 200]


@given(st.sets(st.integers(0, 63)))
def test_refused_and_sent_are_all_and_the_right_ones(bad: set[int]) -> None:
    server = Server({str(number) for number in bad})
    done = send(some(*map(str, range(64))), server.put)
    assert {one.task_id for one in done.refused} == server.bad
    assert set(done.task_ids) == server.held == {str(number) for number in range(64)} - server.bad


def test_one_bad_record_is_found_in_few_requests() -> None:
    server = Server({"17"})
    done = send(some(*map(str, range(500))), server.put)
    assert done.refused == [Refused("17", "1 records with a bad one")]
    assert server.requests < 25


def test_a_record_that_breaks_the_server_costs_itself_a_broken_server_costs_the_push() -> None:
    assert send(some("a", "b", "c"), Server({"b"}, status=500).put).refused[0].task_id == "b"
    everything = [str(number) for number in range(40)]
    broken = Server(set(everything), status=500)
    with pytest.raises(Refusal):
        send(some(*everything), broken.put)
    assert broken.requests < 20


def a_task(**said: Any) -> Task:
    sensible = {
        "task_id": "t",
        "kind": TaskKind.RECORD,
        "subject": "s",
        "record_id": "r",
        "twin_id": None,
        "tier": "crowd",
        "dataset": "d",
        "min_submitted": 1,
        "domain": None,
        "reasons": (),
        "gold": "reject",
        "fields": {"prompt": "p"},
        "suggestions": (),
        "metadata": {},
        "vector": None,
    }
    return Task(**sensible | said)


def test_what_is_sent_of_a_task() -> None:
    hints = (
        Suggestion("verdict", "fix", 0.5, "m"),
        Suggestion("reasons", ("wrong", "form"), 0.25, "m"),
        Suggestion("nobody asks this", "x", None, "m"),
    )
    task = a_task(suggestions=hints, metadata={"domain": "code", "quality": None}, vector=(0.5, 1.0))
    sent = json.loads(encoded(task, {"verdict": "q1", "reasons": "q2"}, ()).body)
    assert "reject" not in str(sent)  # gold is known to us alone
    assert (sent["external_id"], sent["metadata"], sent["vectors"]) == (
        "t",
        {"domain": "code"},
        {"embedding": [0.5, 1]},
    )
    assert [(one["question_id"], one["value"], one["score"]) for one in sent["suggestions"]] == [
        ("q1", "fix", 0.5),
        ("q2", ["wrong", "form"], [0.25, 0.25]),
    ]


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
def test_half_a_sign_cannot_be_sent(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent as JSON"):
        encoded(a_task(fields={"prompt": text}), {}, ())
