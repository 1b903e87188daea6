"""Tool definitions and tool calls, from the record's JSON text to what trainers read."""

import json
from typing import Any

from pipelines.formats._exporter import Message, Row


class Unreadable(ValueError):
    """The text is not the JSON it should be. The message says how."""


def read_json(text: str) -> Any:
    """The value in `text`. Integers keep every digit; NaN and lone surrogates raise Unreadable."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON ({str(error)[:80]})") from error
    return value


def functions(row: Row) -> list[dict[str, Any]]:
    """The functions the record offers, without their `{"type": "function"}` wrapper; [] when none.

    Raises Unreadable when `tools` is not a JSON list of objects with a name.
    """
    if row["tools"] is None:
        return []
    tools = read_json(row["tools"])
    if not isinstance(tools, list):
        raise Unreadable(f"a {type(tools).__name__} where a list belongs")
    return [_function(tool) for tool in tools]


def definitions(row: Row) -> list[dict[str, Any]]:
    """The record's tools in the OpenAI form. Raises as `functions` does."""
    return [{"type": "function", "function": function} for function in functions(row)]


def calls(message: Message) -> list[dict[str, Any]]:
    """The turn's tool calls; [] when it makes none."""
    return message["tool_calls"] or []


def arguments(call: dict[str, Any]) -> dict[str, Any]:
    """A call's arguments by name; {} when it has none. Raises Unreadable when they are no JSON object."""
    text = (call["function"] or {}).get("arguments")
    value = read_json(text) if text and text.strip() else {}
    if not isinstance(value, dict):
        raise Unreadable(f"a {type(value).__name__} where named arguments belong")
    return value


def uses_tools(row: Row) -> bool:
    """True when the record offers tools, calls one or holds a tool's result."""
    turns = (*row["messages"], *(row["chosen"] or ()), *(row["rejected"] or ()))
    return bool(row["tools"]) or any(turn["role"] == "tool" or turn["tool_calls"] for turn in turns)


def _function(tool: Any) -> dict[str, Any]:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Unreadable(f"a tool without a name: {str(tool)[:60]}")
    return function


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
