"""The rules of checks/structure.py, row by row"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.loop.row import Row, is_visible


def _calls(turn: Mapping[str, Any]) -> list[Mapping[str, str | None]]:
    return [call["function"] for call in turn.get("tool_calls") or ()]


def _said(row: Row, name: str) -> tuple[str, str]:
    """What the turns say, and the calls they make."""
    turns = row.turns(name)
    text = "\n".join(turn["content"] or "" for turn in turns)
    calls = "\n".join("\n".join(f"{c['name'] or ''} {c['arguments'] or ''}" for c in _calls(turn)) for turn in turns)
    return text, calls


def _is_silent(row: Row, role: str) -> bool:
    for turn in row.turns():
        if turn["role"] == role and not turn.get("tool_calls") and not is_visible(turn["content"] or ""):
            return True
    return False


def _neighbours(row: Row) -> Iterator[tuple[str, str]]:
    return zip(row.roles, row.roles[1:], strict=False)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def empty_prompt(row: Row) -> bool:
    return is_visible(row.prompt)


def empty_completion(row: Row) -> bool:
    if is_visible(row.completion):
        return True
    return row.kind != "preference" and row.record.get("completion") is None and "assistant" in row.roles


def empty_rejected(row: Row) -> bool:
    return row.kind != "preference" or is_visible("".join(_said(row, "rejected")))


def same_answers(row: Row) -> bool:
    if row.kind != "preference":
        return True
    chosen, rejected = ("\n".join(_said(row, name)).strip() for name in ("chosen", "rejected"))
    return chosen != rejected


def missing_label(row: Row) -> bool:
    return row.kind != "kto" or row.record.get("label") is not None


def ends_without_answer(row: Row) -> bool:
    turns = row.turns("chosen" if row.kind == "preference" else "messages")
    return bool(turns) and turns[-1]["role"] == "assistant"


def roles_repeat(row: Row) -> bool:
    return not any(one == other and one in ("user", "assistant") for one, other in _neighbours(row))


def starts_with_assistant(row: Row) -> bool:
    first = next((role for role in row.roles if role != "system"), None)
    return first not in ("assistant", "tool")


def late_system_turn(row: Row) -> bool:
    return not any(other == "system" and one in ("user", "assistant", "tool") for one, other in _neighbours(row))


def tool_result_without_call(row: Row) -> bool:
    if row.roles[:1] == ["tool"]:
        return False
    return not any(other == "tool" and one in ("system", "user") for one, other in _neighbours(row))


def silent_user_turn(row: Row) -> bool:
    return not _is_silent(row, "user")


def silent_assistant_turn(row: Row) -> bool:
    return not _is_silent(row, "assistant")


def tool_arguments_not_json(row: Row) -> bool:
    for name in ("messages", "chosen", "rejected"):
        for turn in row.turns(name):
            if not all(_is_json(call["arguments"] or "") for call in _calls(turn)):
                return False
    return True


def tools_not_json(row: Row) -> bool:
    tools = row.record.get("tools")
    return tools is None or (_is_json(tools) and tools.lstrip().startswith("["))


RULES = (
    empty_prompt,
    empty_completion,
    empty_rejected,
    same_answers,
    missing_label,
    ends_without_answer,
    roles_repeat,
    starts_with_assistant,
    late_system_turn,
    tool_result_without_call,
    silent_user_turn,
    silent_assistant_turn,
    tool_arguments_not_json,
    tools_not_json,
)
