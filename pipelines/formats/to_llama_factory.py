"""LLaMA-Factory: sharegpt files and their dataset_info.json. Follows its data/README.md.

A leading system turn becomes the `system` column. Then human and observation turns must stand at odd
places, gpt and function_call turns at even ones; the trainer drops whatever does not alternate, with no
more than a log line. A function_call turn is JSON and has no room for text, so a turn with both is
refused. `tools` is the JSON text of the functions, "" when there are none.
"""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipelines.formats._exporter import Exporter, Line, Message, Plain, Refusal, Row, Why
from pipelines.formats._plain import CONTENT, ROLE, no_turn_holds, said
from pipelines.formats._rules import CHAT, PAIR, TOOLS, labelled, one_turn_answers, turns, unmasked
from pipelines.formats._tools import arguments, calls, functions
from schemas.outcome import SPLITS
from schemas.record import Kind

# LLaMA-Factory replaces these by media and stops when their number differs from the media given.
PLACEHOLDERS = ("<image>", "<video>", "<audio>")

TASK = {Kind.SFT: "sft", Kind.PREFERENCE: "dpo", Kind.KTO: "kto"}

SPEAKER = {"user": "human", "tool": "observation", "assistant": "gpt"}


def alternates(row: Row) -> Refusal | None:
    """Prompt and answer turns alternate, and the number of turns is the one the task needs."""
    roles = [turn["role"] for turn in _talk(row)]
    for place, role in enumerate(roles, start=1):
        if (role == "assistant") == bool(place % 2):
            return Refusal(Why.TURN_ORDER, f"turn {place} is the {role}'s; prompts and answers must alternate")
    return None


def no_text_beside_calls(row: Row) -> Refusal | None:
    """A turn that calls a tool says nothing else."""
    both = any(turn["tool_calls"] and turn["content"].strip() for turn in turns(row))
    return (
        Refusal(Why.TEXT_BESIDE_CALL, "a turn both speaks and calls a tool; the text would be lost") if both else None
    )


def no_placeholder(row: Row) -> Refusal | None:
    """No text holds a placeholder for media."""
    for turn in turns(row):
        found = next((mark for mark in PLACEHOLDERS if mark in turn["content"]), None)
        if found:
            return Refusal(Why.MEDIA, f"the text holds {found}, which the trainer reads as media")
    return None


def line(row: Row) -> Line:
    """The record as LLaMA-Factory reads it. Only for records that passed the rules."""
    tools = [_with_parameters(function) for function in functions(row)]
    content = {
        "record_id": row["record_id"],
        "conversations": [_turn(turn) for turn in _talk(row)],
        "system": row["messages"][0]["content"] if row["messages"][0]["role"] == "system" else "",
        "tools": _text(tools) if tools else "",
    }
    if row["kind"] == Kind.PREFERENCE:
        content |= {"chosen": _turn(row["chosen"][0]), "rejected": _turn(row["rejected"][0])}
    if row["kind"] == Kind.KTO:
        content |= {"kto_tag": row["label"]}
    return Line(TASK[row["kind"]], content)


def dataset_info(rows: Mapping[tuple[str, str], int], max_tokens: int) -> dict[str, str]:
    """dataset_info.json: one entry a file, named as the file."""
    tasks = [(task, split) for task in TASK.values() for split in SPLITS if rows.get((task, split))]
    entries = {f"{task}_{split}": _entry(task, path(task, split)) for task, split in tasks}
    return {"dataset_info.json": json.dumps(entries, indent=2) + "\n"}


def path(task: str, split: str) -> str:
    """All files stand beside dataset_info.json."""
    return f"{task}_{split}.jsonl"


def _entry(task: str, file: str) -> dict[str, Any]:
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    extra = {"dpo": {"chosen": "chosen", "rejected": "rejected"}, "kto": {"kto_tag": "kto_tag"}}.get(task, {})
    ranking = {"ranking": True} if task == "dpo" else {}
    tags = {
        "role_tag": "from",
        "content_tag": "value",
        "user_tag": "human",
        "assistant_tag": "gpt",
        "observation_tag": "observation",
        "function_tag": "function_call",
        "system_tag": "system",
    }
    return {"file_name": file, "formatting": "sharegpt", **ranking, "columns": {**columns, **extra}, "tags": tags}


def _talk(row: Row) -> list[Message]:
    messages: list[Message] = row["messages"]
    return messages[1:] if messages and messages[0]["role"] == "system" else messages


def _turn(turn: Message) -> dict[str, str]:
    made = [{"name": call["function"]["name"], "arguments": arguments(call)} for call in calls(turn)]
    if made:
        return {"from": "function_call", "value": _text(made[0] if len(made) == 1 else made)}
    return {"from": SPEAKER[turn["role"]], "value": turn["content"]}


def _plain() -> Plain:
    """A plain conversation: the system turn, where there is one, beside the others."""
    first = pl.col("messages").list.get(0, null_on_oob=True)
    system = first.struct.field("role") == "system"
    named = said(**{"from": ROLE.replace(SPEAKER), "value": CONTENT})
    content = pl.struct(
        "record_id",
        conversations=pl.when(system).then(named.list.slice(1)).otherwise(named),
        system=pl.when(system).then(first.struct.field("content")).otherwise(pl.lit("")),
        tools=pl.lit(""),
    )
    return Plain("sft", content, fits=no_turn_holds(*PLACEHOLDERS))


def _with_parameters(function: dict[str, Any]) -> dict[str, Any]:
    # Its tool formatters read parameters.properties of every function and stop where there is none.
    parameters = {"type": "object", "properties": {}, **(function.get("parameters") or {})}
    return {**function, "parameters": parameters}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_SHAPE = (alternates, *TOOLS, no_text_beside_calls, no_placeholder)

LLAMA_FACTORY = Exporter(
    name="llama-factory",
    rules={
        Kind.SFT: (*CHAT, unmasked, *_SHAPE),
        Kind.PREFERENCE: (*PAIR, one_turn_answers, *_SHAPE),
        Kind.KTO: (labelled, *CHAT, *_SHAPE),
    },
    line=line,
    path=path,
    extras=dataset_info,
    plain=_plain(),
)
