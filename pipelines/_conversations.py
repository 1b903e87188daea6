"""Messages of every dialect in the canonical form."""

from typing import Any, NamedTuple

import orjson

from pipelines._records import Message, as_json, message
from pipelines._rows import NotARecord, kind_of, shown

LIST_KEYS = ("messages", "conversations", "conversation")
"""Where a row holds its turns, in the order they are looked for."""

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "claude": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "ipython": "tool",
}
_CALL_ROLES = ("function_call", "tool_call")
_ROLE_KEYS = ("role", "from")
_CONTENT_KEYS = ("content", "value", "text")


class Turns(NamedTuple):
    """Canonical messages, and for each message with further keys `{"index": i, key: value}`."""

    messages: list[Message]
    extras: list[dict[str, Any]]


def text_of(value: Any, field: str) -> str | None:
    """A text, or None for null. Raises NotARecord for anything else: a number is not a text."""
    if value is None or isinstance(value, str):
        return value
    raise NotARecord("type", f"{field} is {kind_of(value)} ({shown(value)}), not text")


def list_of(value: Any, field: str) -> list[Any]:
    """A list, also out of JSON text as CSV has it; empty for null. Raises NotARecord for anything else."""
    if isinstance(value, str):
        value = parsed(value, field)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise NotARecord("type", f"{field} is {kind_of(value)} ({shown(value)}), not a list")


def parsed(text: str, field: str) -> Any:
    """The value of JSON text; None for blank text."""
    if not text.strip():
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotARecord("type", f"{field} is text that is not JSON ({shown(text)})") from error


def looks_like_turns(value: Any, keys: tuple[str, ...]) -> bool:
    """Whether `value` is a list of messages that has one of `keys`; as JSON text, each must have a known role."""
    if isinstance(value, str):
        if value.lstrip()[:1] != "[":
            return False
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(value, list) or not all(is_turn(entry) for entry in value):
            return False
    return bool(isinstance(value, list) and value and isinstance(value[0], dict) and any(k in value[0] for k in keys))


def is_turn(entry: Any) -> bool:
    """Whether a value is surely a message: an object with a role that is known and something said."""
    if not isinstance(entry, dict) or not any(key in entry for key in (*_CONTENT_KEYS, "tool_calls")):
        return False
    return any(str(entry.get(key)).lower() in (*_ROLES, *_CALL_ROLES) for key in _ROLE_KEYS)


def turns_of(value: Any, field: str) -> Turns:
    """The canonical form of a list of messages. Raises NotARecord naming the message that has none."""
    messages: list[Message] = []
    extras: list[dict[str, Any]] = []
    for index, entry in enumerate(list_of(value, field)):
        turn, left = turn_of(entry, f"{field}[{index}]")
        messages.append(turn)
        if left:
            extras.append({"index": index, **left})
    return Turns(messages, extras)


def turn_of(entry: Any, field: str) -> tuple[Message, dict[str, Any]]:
    """One canonical message, and the keys it has beyond that."""
    if not isinstance(entry, dict):
        raise NotARecord("type", f"{field} is {kind_of(entry)} ({shown(entry)}), not a message")
    left = {key: value for key, value in entry.items() if value is not None}
    spoken = _first(left, _ROLE_KEYS)
    said = _first(left, _CONTENT_KEYS)
    word = spoken.strip().lower() if isinstance(spoken, str) else None
    if word in _CALL_ROLES:
        turn = message("assistant", "")
        turn["tool_calls"] = _calls_in(said, field)
    elif word in _ROLES:
        turn = message(_ROLES[word], _content(said, field))
    else:
        raise NotARecord("role", f"{field} has no role that is known ({shown(spoken)})")
    turn["name"] = text_of(left.pop("name", None), f"{field}.name")
    turn["tool_call_id"] = text_of(left.pop("tool_call_id", None), f"{field}.tool_call_id")
    calls = left.pop("tool_calls", None) or []
    legacy = left.pop("function_call", None)
    if calls or legacy:
        turn["tool_calls"] = [
            tool_call(call, f"{field}.tool_calls")
            for call in [*list_of(calls, f"{field}.tool_calls"), *([legacy] if legacy else [])]
        ]
    turn["train"] = _trained(left, field)
    return turn, left


def _first(left: dict[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        if key in left:
            return left.pop(key)
    return None


def _trained(left: dict[str, Any], field: str) -> bool | None:
    """`train`, or OpenAI's `weight`, which is 0 or 1."""
    value = left.pop("train") if "train" in left else left.pop("weight", None)
    return None if value is None else flag_of(value, f"{field}.train")


def flag_of(value: Any, field: str) -> bool:
    """A yes or no: a boolean, 0 or 1, or the words true and false. Raises NotARecord for anything else."""
    word = value.strip().lower() if isinstance(value, str) else value
    if word in (True, 1, "true", "1", "1.0"):
        return True
    if word in (False, 0, "false", "0", "0.0"):
        return False
    raise NotARecord("type", f"{field} is {kind_of(value)} ({shown(value)}), not true or false")


def _content(said: Any, field: str) -> str:
    """Text, or typed parts that are all text, one a line."""
    if isinstance(said, list):
        return "\n".join(_part(part, field) for part in said)
    return text_of(said, f"{field}.content") or ""


def _part(part: Any, field: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise NotARecord("content_part", f"{field} has a content part that is {kind_of(part)}, not text")
    if part.get("type") not in ("text", "input_text", "output_text"):
        raise NotARecord("content_part", f"{field} has a content part of type {shown(part.get('type'))}, not text")
    return text_of(part.get("text"), f"{field}.content.text") or ""


def _calls_in(said: Any, field: str) -> list[dict[str, Any]]:
    """The calls of a ShareGPT `function_call` turn: JSON text of one call or of several."""
    value = parsed(said, field) if isinstance(said, str) else said
    calls = value if isinstance(value, list) else [value]
    return [tool_call(call, field) for call in calls]


def tool_call(call: Any, field: str) -> dict[str, Any]:
    """A call in OpenAI's form; `arguments` becomes JSON text."""
    function = call.get("function") if isinstance(call, dict) and call.get("function") is not None else call
    if not isinstance(call, dict) or not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise NotARecord("type", f"{field} is not a call with a name ({shown(call)})")
    arguments = function.get("arguments", function.get("parameters"))
    if not isinstance(arguments, str):
        arguments = as_json({} if arguments is None else arguments)
    return {
        "id": text_of(call.get("id"), f"{field}.id"),
        "type": text_of(call.get("type"), f"{field}.type") or "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def tools_of(value: Any, field: str = "tools") -> str | None:
    """Tool definitions as a JSON list; None where there are none."""
    if isinstance(value, str):
        value = parsed(value, field)
    if isinstance(value, dict):
        value = [value]
    return as_json(found) if (found := list_of(value, field)) else None
