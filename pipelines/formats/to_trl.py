"""TRL: conversational datasets, one folder a task. Follows TRL's "Dataset formats and types".

    sft/    messages                  language modelling, for SFTTrainer
    dpo/    prompt, chosen, rejected  preference, for DPOTrainer, CPO, ORPO
    kto/    prompt, completion, label unpaired preference, for KTOTrainer, BCO

Records that use tools go to folders of their own (sft_tools/ ...), with `tools` beside: there a message
has keys that others lack, which `datasets` reads as JSON values, and plain files keep two-key messages
that suit every chat template. `tools` is JSON text, which TRL's trainers parse; "null" offers none. The
speaker's `name` is written only for tool results. TRL cannot mask a single turn, so records that do are
refused.
"""

import json
from typing import Any

import polars as pl

from pipelines.formats._exporter import Exporter, Line, Message, Plain, Row
from pipelines.formats._plain import CONTENT, ROLE, said
from pipelines.formats._rules import CHAT, PAIR, TOOLS, labelled, open_prompt, unmasked
from pipelines.formats._tools import arguments, calls, definitions, uses_tools
from schemas.record import Kind


def line(row: Row) -> Line:
    """The record as TRL reads it. Only for records that passed the rules."""
    messages = [_message(message) for message in row["messages"]]
    content: dict[str, Any] = {"messages": messages}
    task = "sft"
    if row["kind"] == Kind.PREFERENCE:
        task = "dpo"
        content = {
            "prompt": messages,
            "chosen": [_message(message) for message in row["chosen"]],
            "rejected": [_message(message) for message in row["rejected"]],
        }
    elif row["kind"] == Kind.KTO:
        task, content = "kto", {"prompt": messages[:-1], "completion": messages[-1:], "label": row["label"]}
    if uses_tools(row):
        task, content = f"{task}_tools", {**content, "tools": json.dumps(definitions(row) or None, ensure_ascii=False)}
    return Line(task, {"record_id": row["record_id"], **content})


def _message(message: Message) -> dict[str, Any]:
    plain = {"role": message["role"], "content": message["content"]}
    if message["role"] == "tool":
        return {**plain, **{key: message[key] for key in ("name", "tool_call_id") if message[key]}}
    if not message["tool_calls"]:
        return plain
    return {**plain, "tool_calls": [_call(call) for call in calls(message)]}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = {"name": call["function"]["name"], "arguments": arguments(call)}
    return {**({"id": call["id"]} if call["id"] else {}), "type": "function", "function": function}


TRL = Exporter(
    name="trl",
    rules={
        Kind.SFT: (*CHAT, unmasked, *TOOLS),
        Kind.PREFERENCE: (*PAIR, *TOOLS),
        Kind.KTO: (labelled, *CHAT, open_prompt, *TOOLS),
    },
    line=line,
    plain=Plain("sft", pl.struct("record_id", messages=said(role=ROLE, content=CONTENT))),
)
