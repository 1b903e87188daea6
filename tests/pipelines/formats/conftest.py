"""A record as ingest and the later stages leave it, from the few words a test cares about."""

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.formats import Line, Refusal, exporter, fit

Row = dict[str, Any]


def turn(role: str, content: str = "", **more: Any) -> Row:
    return {
        "role": role,
        "content": content,
        "name": None,
        "tool_calls": None,
        "tool_call_id": None,
        "train": None,
        **more,
    }


def call(name: str, arguments: str = "{}", call_id: str | None = None) -> Row:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def record(*messages: Row, **more: Any) -> Row:
    kind = "preference" if "chosen" in more else "kto" if "label" in more else "sft"
    absent = dict.fromkeys(("tools", "chosen", "rejected", "label", "context"))
    origin = {"record_id": "r1", "source": "a.jsonl", "source_row": 1}
    return {**origin, "kind": kind, "messages": list(messages), **absent, "n_tokens": 9, **more}


@pytest.fixture(scope="session")
def say() -> Callable[..., Row]:
    """`say("user", "Hi")` is a turn."""
    return turn


@pytest.fixture(scope="session")
def tool_call() -> Callable[..., Row]:
    """`tool_call("add", '{"a": 1}')` is a call."""
    return call


@pytest.fixture(scope="session")
def one() -> Callable[..., Row]:
    """`one(turn, turn, label=True)` is a record; the kind follows from what it has."""
    return record


@pytest.fixture(scope="session")
def line_of() -> Callable[[str, Row], Row]:
    """The line that a format writes for a record."""

    def line(name: str, row: Row) -> Row:
        result = fit(row, exporter(name), max_tokens=100)
        assert isinstance(result, Line), result
        return {"task": result.task, **result.content}

    return line


@pytest.fixture(scope="session")
def reason_of() -> Callable[[str, Row], str]:
    """Why a format refuses a record."""

    def reason(name: str, row: Row) -> str:
        result = fit(row, exporter(name), max_tokens=100)
        assert isinstance(result, Refusal), result
        return result.reason

    return reason
