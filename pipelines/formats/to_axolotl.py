"""Axolotl: `type: chat_template` files and a config that names them.

Follows Axolotl's docs "Conversation" (chat_template) and "RLHF" (dpo, chat_template.default). Every SFT
message carries `train`, read through `message_field_training`, so that masks survive. Records that use
tools stand in files of their own (sft_tools/): a function's parameters and a call's arguments are JSON
text there, which Axolotl parses, so that differing ones share one column type. Its DPO form keeps only
role and content, so preferences with tools are refused. It has no chat-template form for KTO: wanted
completions are written as SFT, unwanted ones refused.
"""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl
import yaml

from pipelines.formats._exporter import Exporter, Line, Message, Plain, Row
from pipelines.formats._plain import CONTENT, ROLE, said
from pipelines.formats._rules import CHAT, PAIR, TOOLS, learns, no_tools, one_turn_answers, wanted
from pipelines.formats._tools import arguments, calls, functions, uses_tools
from schemas.outcome import Fate
from schemas.record import Kind


def line(row: Row) -> Line:
    """The record as Axolotl reads it. Only for records that passed the rules."""
    if row["kind"] == Kind.PREFERENCE:
        prompt = [_said(message) for message in row["messages"]]
        return Line(
            "dpo", {"messages": prompt, "chosen": _said(row["chosen"][0]), "rejected": _said(row["rejected"][0])}
        )
    messages = [_message(message) for message in row["messages"]]
    if not uses_tools(row):
        return Line("sft", {"messages": messages})
    return Line("sft_tools", {"messages": messages, "tools": [_tool(function) for function in functions(row)]})


def configs(rows: Mapping[tuple[str, str], int], max_tokens: int) -> dict[str, str]:
    """The data part of a config for each task that has rows to train on."""
    sft = [_sft_entry(task, Fate.TRAIN) for task in ("sft", "sft_tools") if rows.get((task, Fate.TRAIN))]
    sft_test = [_sft_entry(task, Fate.VALIDATION) for task in ("sft", "sft_tools") if rows.get((task, Fate.VALIDATION))]
    dpo = [_dpo_entry(Fate.TRAIN)] if rows.get(("dpo", Fate.TRAIN)) else []
    dpo_test = [_dpo_entry(Fate.VALIDATION)] if rows.get(("dpo", Fate.VALIDATION)) else []
    return {
        **({"sft.yaml": _config({}, sft, sft_test, max_tokens)} if sft else {}),
        **({"dpo.yaml": _config({"rl": "dpo"}, dpo, dpo_test, max_tokens)} if dpo else {}),
    }


def _config(head: dict[str, Any], train: list[Any], test: list[Any], max_tokens: int) -> str:
    content = {
        **head,
        "datasets": train,
        **({"test_datasets": test} if test else {}),
        "val_set_size": 0,
        "sequence_len": max_tokens,
    }
    note = "# The data part of an Axolotl config: merge it into yours. Paths are relative to this folder.\n"
    return note + yaml.safe_dump(content, sort_keys=False)


def _sft_entry(task: str, split: str) -> dict[str, Any]:
    return {
        "path": f"{task}/{split}.jsonl",
        "ds_type": "json",
        "split": "train",
        "type": "chat_template",
        "field_messages": "messages",
        "message_property_mappings": {"role": "role", "content": "content"},
        "message_field_training": "train",
        "roles_to_train": ["assistant"],
        "train_on_eos": "turn",
    }


def _dpo_entry(split: str) -> dict[str, Any]:
    return {
        "path": f"dpo/{split}.jsonl",
        "ds_type": "json",
        "split": "train",
        "type": "chat_template.default",
        "field_messages": "messages",
        "field_chosen": "chosen",
        "field_rejected": "rejected",
        "message_property_mappings": {"role": "role", "content": "content"},
        "roles": {"user": ["user"], "assistant": ["assistant"], "system": ["system"]},
    }


def _said(message: Message) -> dict[str, str]:
    return {"role": message["role"], "content": message["content"]}


def _message(message: Message) -> dict[str, Any]:
    train = message["train"] if message["train"] is not None else message["role"] == "assistant"
    made = [_call(call) for call in calls(message)]
    extra = {"tool_calls": made} if made else {}
    if message["role"] == "tool":
        extra = {key: message[key] for key in ("name", "tool_call_id") if message[key]}
    return {**_said(message), "train": train, **extra}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = {"name": call["function"]["name"], "arguments": _text(arguments(call))}
    return {**({"id": call["id"]} if call["id"] else {}), "type": "function", "function": function}


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    described = {"name": function["name"], "description": function.get("description") or ""}
    return {"type": "function", "function": {**described, "parameters": _text(parameters)}}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


AXOLOTL = Exporter(
    name="axolotl",
    rules={
        Kind.SFT: (*CHAT, learns, *TOOLS),
        Kind.PREFERENCE: (*PAIR, one_turn_answers, no_tools),
        Kind.KTO: (wanted, *CHAT, learns, *TOOLS),
    },
    line=line,
    extras=configs,
    plain=Plain("sft", pl.struct(messages=said(role=ROLE, content=CONTENT, train=ROLE == "assistant"))),
)
