"""A release with every kind of record, exported, for the trainers' own loaders."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.export import export
from schemas.record import RECORD_SCHEMA
from schemas.report import ExportFigures

ADD = {
    "name": "add",
    "description": "Adds.",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
}
SAY = {"name": "say", "parameters": {"type": "object", "properties": {"text": {"type": "string"}}}}


def turn(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **dict.fromkeys(("name", "tool_calls", "tool_call_id", "train")), **more}


def calling(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return turn("assistant", "", tool_calls=[call])


def talk(number: int) -> list[dict[str, Any]]:
    return [turn("user", f"Count to {number}."), turn("assistant", " ".join(map(str, range(number + 1))))]


def records() -> list[dict[str, Any]]:
    tools = json.dumps([ADD, SAY])
    return [
        *({"messages": talk(number)} for number in range(5)),
        {"messages": [turn("system", "Be brief."), *talk(2), *talk(3)]},
        {
            "messages": [turn("user", "1 + 1?"), calling("add", {"a": 1}), turn("tool", "2"), turn("assistant", "2")],
            "tools": tools,
        },
        {"messages": [turn("user", "Hi?"), calling("say", {"text": "Hi"})], "tools": tools},
        {"messages": talk(6), "tools": tools},
        {"messages": [turn("user", "Sum up:\n\nA text."), turn("assistant", "Text.")], "context": "A text."},
        {"messages": [turn("user", "Unanswered?")]},
        {"messages": talk(7), "n_tokens": 10_000},
        *({"kind": "kto", "label": bool(number % 2), "messages": talk(number)} for number in range(4)),
        *(
            {
                "kind": "preference",
                "messages": [turn("user", f"Is {number} even?")],
                "chosen": [turn("assistant", "Yes.")],
                "rejected": [turn("assistant", "Perhaps, who knows.")],
            }
            for number in (2, 4, 6)
        ),
    ]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, ExportFigures]]:
    """The folder and figures of a format. Every third record is in validation, the rest in train."""
    base = {"source": "a", "part": 0, "kind": "sft", "prompt": "", "n_tokens": 9}
    full = [
        {"row_id": at, "record_id": f"r{at:02}", "source_row": at + 1, "split": "train" if at % 3 else "validation"}
        | base
        | record
        for at, record in enumerate(records())
    ]
    frame = pl.DataFrame(full, schema=dict(RECORD_SCHEMA) | {"split": pl.String, "n_tokens": pl.Int64})
    out = tmp_path_factory.mktemp("run") / "exports"

    def made(name: str) -> tuple[Path, ExportFigures]:
        [figures] = export(frame, formats=[name], out=out, max_tokens=1000)
        return out / name, figures

    return made
