"""Small records of which a check says something: what fails it, and what nearly does

A record is a mapping of some of its columns; `schemas.record` has all of them. These make the common ones.
"""

import re
from collections.abc import Mapping
from typing import Any

from schemas.record import Kind

Example = Mapping[str, Any]

PROMPT, COMPLETION = "Tell me about the river.", "It rises in the hills."
"""What is asked and said where an example is about something else."""

USER = {"role": "user", "content": "What is 2 + 2?"}
ANSWER = {"role": "assistant", "content": "4"}
SYSTEM = {"role": "system", "content": "Be brief."}
RESULT = {"role": "tool", "content": "4", "tool_call_id": "1"}
LONG = "The river rises in the hills and winds through three valleys before it meets the sea "


def says(completion: str | None, prompt: str = PROMPT, **more: Any) -> Example:
    """A record with this completion."""
    return {"prompt": prompt, "completion": completion, **more}


def asks(prompt: str, completion: str = COMPLETION, **more: Any) -> Example:
    """A record with this prompt."""
    return says(completion, prompt, **more)


def asks_of(question: str, given: str, completion: str) -> Example:
    """A question about a given text, and an answer."""
    return asks(f"{question}\n\n{given}", completion, context=given)


def talk(*turns: Example, **more: Any) -> Example:
    """A conversation of these turns."""
    return {"prompt": USER["content"], "completion": "4", "messages": list(turns), **more}


def call(arguments: str = '{"a": 2, "b": 2}') -> Example:
    """An assistant's turn that calls a tool."""
    function = {"name": "add", "arguments": arguments}
    return {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": function}]}


def pair(chosen: str, rejected: str) -> Example:
    """A preference record."""
    return {
        "prompt": USER["content"],
        "completion": chosen,
        "kind": Kind.PREFERENCE.value,
        "messages": [USER],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
    }


def kto(completion: str, label: bool | None) -> Example:
    """A KTO record; a null label does not say whether the completion is wanted."""
    return says(completion, kind=Kind.KTO.value, label=label)


# In a table a longer text is cut in its middle.
_MOST_SHOWN = 70


def shown(example: Example) -> str:
    """An example in Markdown, in one line that may stand in a table: only what is particular about it.

    >>> shown(says("A|B" + chr(10)))
    'answer: `A\\\\|B\\\\n`'
    """
    parts = []
    if "messages" in example and example.get("kind") != Kind.PREFERENCE:
        parts += [f"{turn['role']}{_mask(turn)}: {_code(_turn(turn))}" for turn in example["messages"]]
    elif "rejected" in example:
        parts += [f"chosen: {_code(_said(example, 'chosen'))}", f"rejected: {_code(_said(example, 'rejected'))}"]
    else:
        if example["prompt"] != PROMPT:
            parts.append(f"prompt: {_code(example['prompt'])}")
        if (given := example.get("context", "")) not in example["prompt"]:
            parts.append(f"input: {_code(given)}")
        if example["completion"] != COMPLETION:
            parts.append("no answer" if example["completion"] is None else f"answer: {_code(example['completion'])}")
    parts += [f"{name}: {_code(str(example[name]))}" for name in ("label", "tools") if name in example]
    return ", ".join(parts)


def _said(example: Example, name: str) -> str:
    return str(example[name][0]["content"])


def _mask(turn: Example) -> str:
    return " (masked)" if turn.get("train") is False else ""


def _turn(turn: Example) -> str:
    calls = turn.get("tool_calls") or ()
    return ", ".join(one["function"]["arguments"] for one in calls) or turn["content"]


def _code(text: str) -> str:
    """Text as code in a table of Markdown: pipes and what is not printed are escaped."""
    half = _MOST_SHOWN // 2
    brief = text if len(text) <= _MOST_SHOWN else f"{text[:half]} … {text[-half:]}"
    plain = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in brief)
    if not plain.strip():
        return f'"{plain}"'
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence, edge = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{edge}{plain}{edge}{fence}".replace("|", "\\|")
