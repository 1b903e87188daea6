"""What of a conversation does not come through its chat template: calls, results, definitions of tools, whole turns."""

from collections.abc import Sequence
from typing import Any

from pipelines.trainability.chat import Chat, Message, Tools

# No text of a record holds it, and no template has a reason to change it.
_MARK = "qxmarkzj"


def lost_turns(messages: Sequence[Message], text: str) -> int:
    """Turns whose words are not in the rendered text as they are, but for space around them."""
    return sum(turn["content"].strip() not in text for turn in messages)


def uses_tools(messages: Sequence[Message], tools: Tools) -> bool:
    """Whether there is a definition, call or result that could be lost."""
    return bool(tools) or any(turn.get("tool_calls") or turn["role"] == "tool" for turn in messages)


def lost_tool_parts(chat: Chat, messages: Sequence[Message], tools: Tools, text: str) -> int:
    """Definitions, calls (name or arguments) and results of tools that the template leaves out.

    Each is named anew with a mark, the conversation is rendered once more, and the marks are looked for. Where the
    template takes no foreign names, the real ones are looked for in `text`.
    """
    marks = _Marks()
    marked = [marks.turn(turn) for turn in messages]
    offered = [marks.definition(tool) for tool in tools] if tools else tools
    try:
        found = chat.render(marked, offered).text
    except MemoryError:
        raise
    except Exception:  # a template raises what it likes
        return sum(name not in text for name in marks.real)
    return sum(any(mark not in found for mark in part) for part in marks.parts)


class _Marks:
    """Gives out marks, and remembers which belong to one part and what the part was called."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, ...]] = []
        self.real: list[str] = []

    def turn(self, turn: Message) -> Message:
        if turn["role"] == "tool":
            (mark,) = self._new(1, turn["content"].strip())
            return {**turn, "content": mark}
        if not turn.get("tool_calls"):
            return turn
        return {**turn, "tool_calls": [self._call(call) for call in turn["tool_calls"]]}

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        function = call["function"]
        name, *rest = self._new(3 if function["arguments"] else 1, function["name"])
        arguments = {rest[0]: rest[1]} if rest else {}
        return {**call, "function": {**function, "name": name, "arguments": arguments}}

    def definition(self, tool: dict[str, Any]) -> dict[str, Any]:
        (name,) = self._new(1, tool["function"]["name"])
        return {**tool, "function": {**tool["function"], "name": name}}

    def _new(self, number: int, real: str) -> tuple[str, ...]:
        marks = tuple(f"{_MARK}{len(self.parts)}x{at}y" for at in range(number))
        self.parts.append(marks)
        self.real.append(real)
        return marks
