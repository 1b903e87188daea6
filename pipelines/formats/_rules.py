"""The rules that several trainers share: each returns why the record does not fit, or null."""

from collections.abc import Iterable
from typing import Any

from pipelines.formats._exporter import Message, Refusal, Row, Rule, Why
from pipelines.formats._tools import Unreadable, arguments, calls, functions, uses_tools
from schemas.record import ROLES


def first(rules: Iterable[Rule], row: Row) -> Refusal | None:
    """The first refusal, in the order of the rules."""
    return next((refusal for rule in rules if (refusal := rule(row))), None)


def turns(row: Row) -> list[Message]:
    """Every turn of the record: the conversation, and both answers of a preference."""
    return [*row["messages"], *(row["chosen"] or ()), *(row["rejected"] or ())]


def says_nothing(message: Message) -> bool:
    """True for a turn with neither visible text nor a tool call."""
    return not message["content"].strip() and not message["tool_calls"]


def known_roles(row: Row) -> Refusal | None:
    """Chat templates know system, user, assistant and tool."""
    odd = next((turn["role"] for turn in turns(row) if turn["role"] not in ROLES), None)
    return odd and Refusal(Why.ROLE, f"role {odd!r} is none of {', '.join(ROLES)}")


def answered(row: Row) -> Refusal | None:
    """The last turn is the assistant's, and it says something."""
    messages = row["messages"]
    if not any(turn["role"] == "assistant" for turn in messages):
        return Refusal(Why.NO_RESPONSE, "no turn is the assistant's")
    if messages[-1]["role"] != "assistant":
        return Refusal(Why.LAST_TURN, f"the last turn is the {messages[-1]['role']}'s and would be learnt")
    return Refusal(Why.NO_RESPONSE, "the last turn is empty") if says_nothing(messages[-1]) else None


def prompted(row: Row) -> Refusal | None:
    """A user asks before the first answer."""
    roles = [turn["role"] for turn in row["messages"]]
    asked = roles[: roles.index("assistant")] if "assistant" in roles else roles
    return None if "user" in asked else Refusal(Why.NO_PROMPT, "no user turn comes before the first answer")


def no_empty_turn(row: Row) -> Refusal | None:
    """No user or assistant turn is empty."""
    for place, turn in enumerate(row["messages"], start=1):
        if turn["role"] in ("user", "assistant") and says_nothing(turn):
            return Refusal(Why.EMPTY_TURN, f"turn {place} ({turn['role']}) is empty")
    return None


def system_first(row: Row) -> Refusal | None:
    """A system turn stands first or nowhere: most chat templates raise for any other place."""
    later = any(turn["role"] == "system" for turn in turns(row)[1:])
    return Refusal(Why.SYSTEM_PLACE, "a system turn comes after the first turn") if later else None


def unmasked(row: Row) -> Refusal | None:
    """The record leaves every loss to the trainer, which trains on each assistant turn and on no other."""
    for place, turn in enumerate(row["messages"], start=1):
        if turn["train"] is not None and turn["train"] != (turn["role"] == "assistant"):
            wish = "trained on" if turn["train"] else "masked"
            return Refusal(Why.MASKED_TURN, f"turn {place} ({turn['role']}) is to be {wish}; this trainer cannot")
    return None


def learns(row: Row) -> Refusal | None:
    """At least one turn is trained on."""
    wanted = any(turn["train"] or (turn["train"] is None and turn["role"] == "assistant") for turn in row["messages"])
    return None if wanted else Refusal(Why.NOTHING_TO_LEARN, "every answer is masked")


def labelled(row: Row) -> Refusal | None:
    """The completion is said to be wanted or unwanted."""
    return Refusal(Why.NO_LABEL, "the label is missing") if row["label"] is None else None


def wanted(row: Row) -> Refusal | None:
    """The completion is one to imitate."""
    unwanted = Refusal(Why.UNWANTED, "the label is false: imitation would teach what is unwanted")
    return labelled(row) or (None if row["label"] else unwanted)


def open_prompt(row: Row) -> Refusal | None:
    """What comes before the answer ends with the user or a tool, so that an answer is due."""
    prompt = row["messages"] if row["chosen"] is not None else row["messages"][:-1]
    ends = prompt[-1]["role"] if prompt else None
    if ends in ("user", "tool"):
        return None
    return Refusal(Why.TURN_ORDER, f"the prompt ends with {ends or 'nothing'}, not with a user or a tool")


def pair(row: Row) -> Refusal | None:
    """Both answers say something at their end, and they differ."""
    for name in ("chosen", "rejected"):
        answer = row[name]
        if not answer or answer[-1]["role"] != "assistant" or says_nothing(answer[-1]):
            return Refusal(Why.NO_RESPONSE, f"the {name} answer is missing, empty or not the assistant's")
    if _said(row["chosen"]) == _said(row["rejected"]):
        return Refusal(Why.IDENTICAL_PAIR, "chosen and rejected are the same")
    return None


def one_turn_answers(row: Row) -> Refusal | None:
    """Each answer of a preference is a single turn."""
    for name in ("chosen", "rejected"):
        if len(row[name]) != 1:
            return Refusal(Why.ANSWER_TURNS, f"the {name} answer has {len(row[name])} turns; this trainer takes one")
    return None


def no_tools(row: Row) -> Refusal | None:
    """No tool is offered, called or answering."""
    return (
        Refusal(Why.TOOL_USE, "the record uses tools; this trainer has no form for them") if uses_tools(row) else None
    )


def readable_tools(row: Row) -> Refusal | None:
    """Tool definitions are a JSON list of named functions, and each call has JSON arguments."""
    try:
        functions(row)
    except Unreadable as error:
        return Refusal(Why.TOOLS_UNREADABLE, f"the tool definitions are {error}")
    for call in (call for turn in turns(row) for call in calls(turn)):
        name = (call["function"] or {}).get("name")
        if not name:
            return Refusal(Why.CALL_UNREADABLE, "a tool call names no function")
        try:
            arguments(call)
        except Unreadable as error:
            return Refusal(Why.CALL_UNREADABLE, f"the arguments of {name} are {error}")
    return None


def results_follow_calls(row: Row) -> Refusal | None:
    """A tool answers only after a call."""
    roles = ["call" if turn["tool_calls"] else turn["role"] for turn in row["messages"]]
    for before, role in zip([None, *roles], roles, strict=False):
        if role == "tool" and before not in ("call", "tool"):
            return Refusal(Why.RESULT_UNASKED, f"a tool's result follows {before or 'nothing'}, not a call")
    return None


def _said(answer: list[Message]) -> list[tuple[Any, ...]]:
    # Ids, names and masks are not said: two answers that differ in them only are the same to learn from.
    return [
        (turn["role"], turn["content"].strip(), [tuple((call["function"] or {}).values()) for call in calls(turn)])
        for turn in answer
    ]


CHAT = (known_roles, answered, prompted, no_empty_turn, system_first)
"""What every trainer asks of a conversation to imitate."""

PAIR = (known_roles, pair, prompted, no_empty_turn, system_first, open_prompt)
"""What every trainer asks of a preference."""

TOOLS = (readable_tools, results_follow_calls)
"""What every trainer that takes tool use asks of it."""
