"""What all shapes share: how a row's common keys become a draft."""

from collections.abc import Iterable
from typing import Any

from pipelines._conversations import text_of
from pipelines._records import Draft, Message, message
from schemas.record import Kind

PROMPT_KEYS = ("prompt", "question", "query", "problem", "instruction", "input")
COMPLETION_KEYS = ("completion", "response", "answer", "output", "solution", "canonical_solution")

SYSTEM_KEYS = ("system", "system_prompt")
GROUP_KEYS = (
    "message_tree_id",
    "conversation_id",
    "conversation_hash",
    "document_id",
    "doc_id",
    "group",
    "dialogue_id",
    "thread_id",
)
LICENSE_KEYS = ("license", "licence")

Fields = dict[str, Any]
"""A row's keys that no one has used yet; what is left in the end is metadata."""


def take(rest: Fields, keys: Iterable[str], *, wanted: bool = False) -> tuple[str, Any]:
    """Take the first key that is there (and, if `wanted`, is not null) out of `rest`; ("", None) without any."""
    for key in keys:
        if key in rest and not (wanted and rest[key] is None):
            return key, rest.pop(key)
    return "", None


def finish(kind: Kind, messages: list[Message], rest: Fields, **columns: Any) -> Draft:
    """A draft with the columns that every shape takes from its further keys."""
    if rest:
        columns |= {"group": _take_name(rest, GROUP_KEYS), "license": _take_name(rest, LICENSE_KEYS)}
    return Draft(kind, messages, rest, **columns)


def _take_name(rest: Fields, keys: Iterable[str]) -> str | None:
    key = next((key for key in keys if key in rest and _is_name(rest[key])), None)
    return str(rest.pop(key)) if key else None


def _is_name(value: Any) -> bool:
    return (isinstance(value, str) and value.strip() != "") or (isinstance(value, int) and not isinstance(value, bool))


def system_of(rest: Fields) -> list[Message]:
    key = next((key for key in SYSTEM_KEYS if key in rest), None)
    text = text_of(rest.pop(key), key) if key else None
    return [message("system", text)] if text and text.strip() else []


def asked(instruction: str | None, context: str | None) -> list[Message]:
    """The user's turn: the instruction, and what it is about below it."""
    if context and context.strip():
        return [message("user", f"{instruction}\n\n{context}" if instruction else context)]
    return [message("user", instruction)] if instruction is not None else []


def answered(text: str | None) -> list[Message]:
    return [message("assistant", text)] if text is not None else []


def visible(text: str | None) -> str | None:
    return text if text and text.strip() else None
