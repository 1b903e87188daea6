"""OpenAI: chat files for supervised fine-tuning and pairs for preference fine-tuning.

Follows the API reference's chat and preference training examples (FineTuneChatRequestInput,
FineTunePreferenceRequestInput) and the guides "Supervised fine-tuning" and "Direct preference
optimization". A turn's `train` becomes the assistant's `weight`, 0 or 1. The API rejects lines with
keys it does not know, so rows carry no id. It needs at least ten examples in a file. Preference answers
are one text turn each. There is no form for KTO: wanted completions are written for supervised
fine-tuning, unwanted ones refused.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from pipelines.formats._exporter import Exporter, Line, Message, Plain, Refusal, Row, Why
from pipelines.formats._plain import CONTENT, ROLE, said
from pipelines.formats._rules import CHAT, PAIR, TOOLS, learns, no_tools, one_turn_answers, wanted
from pipelines.formats._tools import calls, definitions, functions
from schemas.record import Kind

# The API reference's bounds on names of functions and participants, and on the number of tools.
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MAX_TOOLS = 128


class Exchange(NamedTuple):
    """A call and its result, by their places: which turn asks, which of its calls, which turn answers."""

    asks: int
    call: int
    answers: int | None


def exchanges(messages: list[Message]) -> Iterator[Exchange]:
    """Every call with the turn that answers it: by id where both have one, else in order."""
    for place, turn in enumerate(messages):
        results = _results_after(messages, place)
        for number, call in enumerate(calls(turn)):
            answers = next((at for at in results if _is_for(messages[at], call)), None)
            if answers is not None:
                results.remove(answers)
            yield Exchange(place, number, answers)


def calls_answered(row: Row) -> Refusal | None:
    """Each call but those of the last turn has its result, and each result its call."""
    messages = row["messages"]
    found = list(exchanges(messages))
    if any(exchange.answers is None and exchange.asks < len(messages) - 1 for exchange in found):
        return Refusal(Why.CALL_UNANSWERED, "a tool call has no result")
    asked = {exchange.answers for exchange in found}
    unasked = any(turn["role"] == "tool" and at not in asked for at, turn in enumerate(messages))
    return Refusal(Why.RESULT_UNASKED, "a tool's result belongs to no call") if unasked else None


def tools_defined(row: Row) -> Refusal | None:
    """Every function called is among the tools, of which there are not too many."""
    offered = {function["name"] for function in functions(row)}
    if len(offered) > MAX_TOOLS:
        return Refusal(Why.TOOLS_UNREADABLE, f"{len(offered)} tools; the API takes {MAX_TOOLS}")
    called = [call["function"]["name"] for turn in row["messages"] for call in calls(turn)]
    stray = next((name for name in called if name not in offered), None)
    return stray and Refusal(Why.TOOL_UNDEFINED, f"{stray} is called but not among the tools")


def valid_names(row: Row) -> Refusal | None:
    """Functions and speakers have names that the API takes."""
    speakers = [turn["name"] for turn in row["messages"] if turn["name"] and turn["role"] != "tool"]
    names = [*speakers, *(function["name"] for function in functions(row))]
    bad = next((name for name in names if not NAME.fullmatch(name)), None)
    return bad and Refusal(Why.NAME, f"{bad[:60]!r}: names have up to 64 letters, digits, _ and -")


def only_answers_trained(row: Row) -> Refusal | None:
    """Only assistant turns are to be trained on: no other has a weight."""
    stray = next((turn["role"] for turn in row["messages"] if turn["train"] and turn["role"] != "assistant"), None)
    return stray and Refusal(Why.MASKED_TURN, f"a {stray} turn is to be trained on; only answers have a weight")


def line(row: Row) -> Line:
    """The record as the API reads it. Only for records that passed the rules."""
    if row["kind"] == Kind.PREFERENCE:
        content = {
            "input": {"messages": [_message(message) for message in row["messages"]]},
            "preferred_output": [_message(message) for message in row["chosen"]],
            "non_preferred_output": [_message(message) for message in row["rejected"]],
        }
        return Line("dpo", content)
    tools = definitions(row)
    return Line("sft", {"messages": _conversation(row["messages"]), **({"tools": tools} if tools else {})})


def _conversation(messages: list[Message]) -> list[dict[str, Any]]:
    written = [_message(message) for message in messages]
    for turn, message in zip(written, messages, strict=True):
        if message["role"] == "assistant" and message["train"] is not None:
            turn["weight"] = int(message["train"])
    for number, exchange in enumerate(exchanges(messages), start=1):
        call = messages[exchange.asks]["tool_calls"][exchange.call]
        call_id = call["id"] or f"call_{number}"
        function = {"name": call["function"]["name"], "arguments": call["function"]["arguments"] or "{}"}
        made = {"id": call_id, "type": "function", "function": function}
        written[exchange.asks].setdefault("tool_calls", []).append(made)
        if exchange.answers is not None:
            written[exchange.answers]["tool_call_id"] = call_id
    return written


def _message(message: Message) -> dict[str, Any]:
    silent = message["tool_calls"] and not message["content"]
    named = {"name": message["name"]} if message["name"] and message["role"] != "tool" else {}
    return {"role": message["role"], **({} if silent else {"content": message["content"]}), **named}


def _results_after(messages: list[Message], place: int) -> list[int]:
    results = []
    for at in range(place + 1, len(messages)):
        if messages[at]["role"] != "tool":
            break
        results.append(at)
    return results


def _is_for(result: Message, call: dict[str, Any]) -> bool:
    return not result["tool_call_id"] or not call["id"] or bool(result["tool_call_id"] == call["id"])


OPENAI = Exporter(
    name="openai",
    rules={
        Kind.SFT: (*CHAT, only_answers_trained, learns, *TOOLS, valid_names, tools_defined, calls_answered),
        Kind.PREFERENCE: (*PAIR, one_turn_answers, no_tools, valid_names),
        Kind.KTO: (wanted, *CHAT, only_answers_trained, learns, *TOOLS, valid_names, tools_defined, calls_answered),
    },
    line=line,
    path=lambda task, split: f"{task}_{split}.jsonl",
    plain=Plain("sft", pl.struct(messages=said(role=ROLE, content=CONTENT))),
)
