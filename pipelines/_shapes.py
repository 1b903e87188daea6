"""Shapes: by which keys a row is known, and what record it is."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pipelines._conversations import LIST_KEYS, flag_of, looks_like_turns, text_of, tools_of, turns_of
from pipelines._drafts import COMPLETION_KEYS, PROMPT_KEYS, asked, finish, system_of, take, visible
from pipelines._instructions import (
    instruction_drafts,
    prompt_and_completion,
    prompt_completion_drafts,
    self_instruct_drafts,
)
from pipelines._preferences import pair_of, prompt_turns
from pipelines._records import Draft, Message
from pipelines._rows import NotARecord, kind_of, shown
from pipelines._trees import paths_of
from schemas.record import Kind

_LABEL_KEYS = ("label", "kto_tag")
# Enough rows to outvote odd ones, few enough to be in the first batch.
_VOTERS = 100
Row = dict[str, Any]


class Shape(NamedTuple):
    """`knows` says whether a row has this shape; `drafts` makes its records and takes what it used out of the row."""

    name: str
    keys: str  # for a person
    knows: Callable[[Row], bool]
    drafts: Callable[[Row], list[Draft]]


def detect(rows: Iterable[Any]) -> str | None:
    """The shape that most of the first rows have; None where none has any."""
    votes: Counter[str] = Counter()
    for row in rows:
        if votes.total() >= _VOTERS:
            break
        name = next((name for name, shape in SHAPES.items() if isinstance(row, dict) and shape.knows(row)), None)
        if name:
            votes[name] += 1
    return max(votes, key=lambda name: votes[name]) if votes else None


def drafts_of(row: Any, shape: str | None) -> list[Draft]:
    """The records of one row. Raises NotARecord where it does not have the shape, or has it with wrong values."""
    if not isinstance(row, dict):
        raise NotARecord("shape", f"is {kind_of(row)} ({shown(row)}), not an object with keys")
    known = SHAPES[shape] if shape else None
    if known is None:
        raise NotARecord("shape", f"has the keys {_key_list(row)}, which fit no shape; name one with --shape")
    # A row without its answer is still a record, and checks decide; a row without any of the keys is not one.
    if _OWN_KEYS[known.name].isdisjoint(row):
        raise NotARecord("shape", f"has the keys {_key_list(row)}, where {known.name} has {known.keys}")
    return known.drafts(dict(row))


def _key_list(row: Row) -> str:
    return ", ".join(shown(str(key)) for key in list(row)[:8]) or "(none)"


def _talk(rest: Row) -> list[Message]:
    """The turns of a row's list of messages, behind its system text; further keys of messages go to the metadata."""
    key, value = take(rest, LIST_KEYS)
    turns = turns_of(value, key)
    system = system_of(rest) if not any(turn["role"] == "system" for turn in turns.messages[:1]) else []
    if turns.extras:
        shift = len(system)
        rest["message_extras"] = [{**extra, "index": extra["index"] + shift} for extra in turns.extras]
    return [*system, *turns.messages]


def _tools(rest: Row) -> str | None:
    key, value = take(rest, ("tools", "functions"), wanted=True)
    if key == "functions" and isinstance(value, list):
        value = [{"type": "function", "function": function} for function in value]
    return tools_of(value, key)


def _conversation(rest: Row) -> list[Draft]:
    messages, tools = _talk(rest), _tools(rest)
    return [finish(Kind.SFT, messages, rest, tools=tools)]


def _kto(rest: Row) -> list[Draft]:
    key, value = take(rest, _LABEL_KEYS)
    label = flag_of(value, key)
    if any(name in rest for name in LIST_KEYS):
        messages, tools, context = _talk(rest), _tools(rest), None
    else:
        (messages, context), tools = prompt_and_completion(rest), _tools(rest)
    return [finish(Kind.KTO, messages, rest, tools=tools, label=label, context=context)]


def _preference(rest: Row) -> list[Draft]:
    system = system_of(rest)
    key, said = take(rest, PROMPT_KEYS)
    context = None
    if looks_like_turns(said, ("role", "from")):
        before = turns_of(said, key).messages
    elif key == "instruction":
        context = text_of(rest.pop("input", None), "input")
        before = asked(text_of(said, key), context)
    else:
        before = prompt_turns(said, key)
    pair = pair_of(rest, before, use_list=not before)
    tools = _tools(rest)
    if pair.extras:
        rest["message_extras"] = pair.extras
    opened = any(turn["role"] == "system" for turn in pair.messages[:1])
    messages = pair.messages if opened else [*system, *pair.messages]
    return [
        finish(
            Kind.PREFERENCE,
            messages,
            rest,
            tools=tools,
            chosen=pair.chosen,
            rejected=pair.rejected,
            context=visible(context),
        )
    ]


def _oasst(rest: Row) -> list[Draft]:
    root = rest.pop("prompt", None)
    if not isinstance(root, dict):
        raise NotARecord("type", f"prompt is {kind_of(root)} ({shown(root)}), not a message")
    found = []
    for path in paths_of(root):
        metadata = dict(rest)
        if path.extras:
            metadata["message_extras"] = path.extras
        if path.unanswered:
            metadata["unanswered"] = path.unanswered
        found.append(finish(Kind.SFT, path.messages, metadata))
    return found


def _any_of(row: Row, keys: Iterable[str]) -> bool:
    return any(key in row for key in keys)


def _is_label(row: Row) -> bool:
    values = [row[key] for key in _LABEL_KEYS if key in row]
    return bool(values) and (
        isinstance(values[0], bool) or (isinstance(values[0], str) and values[0].strip().lower() in ("true", "false"))
    )


def _has_talk(row: Row, keys: tuple[str, ...]) -> bool:
    return any(looks_like_turns(row[key], keys) for key in LIST_KEYS if key in row)


_ALL = (
    Shape(
        "oasst",
        "a prompt with replies",
        lambda row: isinstance(row.get("prompt"), dict) and _any_of(row["prompt"], ("replies", "text")),
        _oasst,
    ),
    Shape("preference", "chosen and rejected", lambda row: "chosen" in row and "rejected" in row, _preference),
    Shape(
        "kto",
        "messages (or prompt and completion) and a label",
        lambda row: (
            _is_label(row)
            and (_any_of(row, LIST_KEYS) or (_any_of(row, PROMPT_KEYS) and _any_of(row, COMPLETION_KEYS)))
        ),
        _kto,
    ),
    Shape("chat", "messages", lambda row: _has_talk(row, ("role",)), _conversation),
    Shape("sharegpt", "conversations", lambda row: _has_talk(row, ("from",)), _conversation),
    Shape(
        "self-instruct",
        "instruction and instances",
        lambda row: "instruction" in row and isinstance(row.get("instances"), list),
        self_instruct_drafts,
    ),
    Shape(
        "dolly",
        "instruction, context and response",
        lambda row: "instruction" in row and "response" in row,
        instruction_drafts("context", "response"),
    ),
    Shape(
        "alpaca",
        "instruction, input and output",
        lambda row: "instruction" in row and "output" in row,
        instruction_drafts("input", "output"),
    ),
    Shape(
        "prompt-completion",
        "prompt and completion",
        lambda row: (
            _any_of(row, PROMPT_KEYS)
            and any(key in row and not (key == "output" and key in PROMPT_KEYS) for key in COMPLETION_KEYS)
        ),
        prompt_completion_drafts,
    ),
)
SHAPES: Mapping[str, Shape] = {shape.name: shape for shape in _ALL}
"""The names for --shape. Their order settles which of two shapes a row has: the more telling keys come first."""

_OWN_KEYS: Mapping[str, frozenset[str]] = {
    "oasst": frozenset({"prompt"}),
    "preference": frozenset({"chosen", "rejected"}),
    "kto": frozenset(_LABEL_KEYS),
    "chat": frozenset(LIST_KEYS),
    "sharegpt": frozenset(LIST_KEYS),
    "self-instruct": frozenset({"instruction", "instances"}),
    "dolly": frozenset({"instruction", "response"}),
    "alpaca": frozenset({"instruction", "output"}),
    "prompt-completion": frozenset({*PROMPT_KEYS, *COMPLETION_KEYS}),
}
