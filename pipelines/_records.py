"""Drafts of records, the texts and the name that follow from them, and frames of the canonical schema."""

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
import polars as pl
import pyarrow as pa

from pipelines._rows import NotARecord, json_default
from schemas.record import RECORD_SCHEMA, Kind

Message = dict[str, Any]
"""One turn with exactly the fields of schemas.record.MESSAGE."""


class Draft(NamedTuple):
    """What a shape makes of a row; all that a record has beyond it follows from its content and its place."""

    kind: Kind
    messages: list[Message]
    metadata: dict[str, Any]
    tools: str | None = None
    chosen: list[Message] | None = None
    rejected: list[Message] | None = None
    label: bool | None = None
    group: str | None = None
    license: str | None = None
    context: str | None = None


_TOOL_CALL = pa.struct(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())])),
    ]
)
MESSAGES = pa.list_(
    pa.struct(
        [
            ("role", pa.string()),
            ("content", pa.string()),
            ("name", pa.string()),
            ("tool_calls", pa.list_(_TOOL_CALL)),
            ("tool_call_id", pa.string()),
            ("train", pa.bool_()),
        ]
    )
)
# The Arrow side of RECORD_SCHEMA: pyarrow builds nested columns from Python several times faster than polars.
_ARROW_TYPES = {
    "row_id": pa.int64(),
    "source_row": pa.int64(),
    "part": pa.int32(),
    "messages": MESSAGES,
    "chosen": MESSAGES,
    "rejected": MESSAGES,
    "label": pa.bool_(),
}


def message(role: str, content: str) -> Message:
    """A plain turn."""
    return {"role": role, "content": content, "name": None, "tool_calls": None, "tool_call_id": None, "train": None}


def record(draft: Draft, *, source: str, source_row: int, part: int) -> dict[str, Any]:
    """The record without its `row_id`. Raises NotARecord where the metadata cannot be written as JSON."""
    prompt, completion = _texts(draft)
    return {
        "record_id": record_id(draft),
        "source": source,
        "source_row": source_row,
        "part": part,
        "group": draft.group,
        "kind": draft.kind.value,
        "messages": draft.messages,
        "tools": draft.tools,
        "chosen": draft.chosen,
        "rejected": draft.rejected,
        "label": draft.label,
        "license": draft.license,
        "metadata": as_json(draft.metadata) if draft.metadata else None,
        "prompt": prompt,
        "completion": completion,
        "context": draft.context,
    }


def amended(row: dict[str, Any], **change: list[Message]) -> dict[str, Any]:
    """A frame's row with its turns changed (`messages`, `chosen`, `rejected`), and what follows from them."""
    turns = {**{name: row[name] for name in ("messages", "chosen", "rejected")}, **change}
    draft = Draft(Kind(row["kind"]), metadata={}, tools=row["tools"], label=row["label"], **turns)
    prompt, completion = _texts(draft)
    return {**row, **turns, "record_id": record_id(draft), "prompt": prompt, "completion": completion}


def record_frame(records: Sequence[dict[str, Any]], first_row_id: int) -> pl.DataFrame:
    """Records as a frame of exactly RECORD_SCHEMA, numbered from `first_row_id`."""
    columns: dict[str, Sequence[Any]] = {
        name: [entry[name] for entry in records] for name in RECORD_SCHEMA if name != "row_id"
    }
    columns["row_id"] = range(first_row_id, first_row_id + len(records))
    arrays = {name: pa.array(columns[name], type=_ARROW_TYPES.get(name, pa.string())) for name in RECORD_SCHEMA}
    frame = pl.from_arrow(pa.table(arrays))
    assert isinstance(frame, pl.DataFrame)
    return frame.cast(RECORD_SCHEMA) if frame.schema != RECORD_SCHEMA else frame


def as_json(value: Any) -> str:
    """`value` as JSON text, its keys in their order. Raises NotARecord where it nests too deep for that."""
    try:
        return orjson.dumps(value, default=json_default, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, RecursionError) as error:
        raise NotARecord("too_deep", f"its other keys cannot be kept ({str(error)[:80]})") from error


def record_id(draft: Draft) -> str:
    """SHA-256 (hex) of what a trainer would see: the same content has the same name wherever it came from."""
    content = [
        draft.kind.value,
        _canonical_messages(draft.messages),
        draft.tools and canonical(draft.tools),
        _canonical_messages(draft.chosen),
        _canonical_messages(draft.rejected),
        draft.label,
    ]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()


def _canonical_messages(messages: list[Message] | None) -> list[list[Any]] | None:
    if messages is None:
        return None
    return [
        [
            turn["role"],
            canonical(turn["content"]),
            turn["name"] and canonical(turn["name"]),
            turn["tool_calls"] and [_canonical_call(call) for call in turn["tool_calls"]],
            turn["tool_call_id"],
        ]
        for turn in messages
    ]


def _canonical_call(call: dict[str, Any]) -> list[str | None]:
    function = call["function"]
    return [call["id"], call["type"], canonical(function["name"]), canonical(function["arguments"])]


def canonical(text: str) -> str:
    """Spellings that look alike are alike: NFC, one kind of line ending, no outer white space."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.strip()


def _texts(draft: Draft) -> tuple[str, str | None]:
    """`prompt` and `completion` as the schema says."""
    if draft.kind is Kind.PREFERENCE:
        answers = [_spoken(turn) for turn in draft.chosen or () if turn["role"] == "assistant"]
        return _prompt(draft.messages), answers[-1] if answers else None
    if draft.messages and draft.messages[-1]["role"] == "assistant":
        return _prompt(draft.messages[:-1]), _spoken(draft.messages[-1])
    return _prompt(draft.messages), None


def _prompt(turns: list[Message]) -> str:
    """One question stands as it is, behind its system message; longer talk with the role before each turn."""
    roles = [turn["role"] for turn in turns]
    if roles in ([], ["user"], ["system"], ["system", "user"]):
        return "\n\n".join(turn["content"] for turn in turns)
    return "\n\n".join(f"{turn['role']}: {_spoken(turn)}" for turn in turns)


def _spoken(turn: Message) -> str:
    """The turn's text, and its tool calls as `name(arguments)`."""
    calls = [f"{call['function']['name']}({call['function']['arguments']})" for call in turn["tool_calls"] or ()]
    return "\n".join([turn["content"], *calls] if turn["content"] else calls) if calls else turn["content"]
