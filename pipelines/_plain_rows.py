"""Rows of one instruction and one answer, made into records by columns: most rows of most sources.

They come out as `_shapes.drafts_of` and `_records.record` would make them one by one, in a fifth of the time.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import polars as pl

from pipelines._drafts import GROUP_KEYS, LICENSE_KEYS, SYSTEM_KEYS, visible
from pipelines._records import as_json, canonical
from pipelines._rows import NotARecord, Row
from schemas.record import MESSAGE, RECORD_SCHEMA, Kind


class _Keys(NamedTuple):
    instruction: str
    context: str
    answer: str


_SHAPES: Mapping[str, _Keys] = {
    "alpaca": _Keys("instruction", "input", "output"),
    "dolly": _Keys("instruction", "context", "response"),
}
# A row with one of these has more to it than an instruction and an answer.
_TELLING = frozenset({"history", *SYSTEM_KEYS, *GROUP_KEYS, *LICENSE_KEYS})


class Plain(NamedTuple):
    """`frame` of RECORD_SCHEMA without numbers in `row_id`, in the order of the rows; `others` are left to make."""

    frame: pl.DataFrame | None
    others: list[Row]


class _Taken(NamedTuple):
    number: int
    instruction: str
    context: str | None
    answer: str
    metadata: str | None


def plain_records(rows: Sequence[Row], source: str, shape: str | None) -> Plain:
    """The rows that are plain, as records, and the others in their order."""
    keys = _SHAPES.get(shape or "")
    if keys is None:
        return Plain(None, list(rows))
    taken, others = [], []
    for row in rows:
        if (found := _taken(row, keys)) is None:
            others.append(row)
        else:
            taken.append(found)
    return Plain(_frame(taken, source) if taken else None, others)


def _taken(row: Row, keys: _Keys) -> _Taken | None:
    value = row.value
    if type(value) is not dict:
        return None
    instruction, context, answer = value.get(keys.instruction), value.get(keys.context), value.get(keys.answer)
    if type(instruction) is not str or type(answer) is not str or not (context is None or type(context) is str):
        return None
    further = len(value) - 2 - (keys.context in value)
    if not further:
        return _Taken(row.number, instruction, context, answer, None)
    if not _TELLING.isdisjoint(value):
        return None
    try:
        rest = as_json({key: each for key, each in value.items() if key not in keys})
    except NotARecord:
        return None  # which is said where it is made by itself
    return _Taken(row.number, instruction, context, answer, rest)


def _frame(taken: Sequence[_Taken], source: str) -> pl.DataFrame:
    numbers, instructions, contexts, answers, metadata = zip(*taken, strict=True)
    seen = [visible(context) for context in contexts]
    prompts = [
        instruction if context is None else f"{instruction}\n\n{context}" if instruction else context
        for instruction, context in zip(instructions, seen, strict=True)
    ]
    columns = {
        "record_id": pl.Series(map(_record_id, prompts, answers), dtype=pl.String),
        "source_row": pl.Series(numbers, dtype=pl.Int64),
        "messages": _messages(prompts, answers),
        "metadata": pl.Series(metadata, dtype=pl.String),
        "prompt": pl.Series(prompts, dtype=pl.String),
        "completion": pl.Series(answers, dtype=pl.String),
        "context": pl.Series(seen, dtype=pl.String),
    }
    constant: dict[str, Any] = {"source": source, "part": 0, "kind": Kind.SFT.value}
    return pl.DataFrame(columns).select(
        pl.col(name) if name in columns else pl.lit(constant.get(name), dtype=dtype).alias(name)
        for name, dtype in RECORD_SCHEMA.items()
    )


def _record_id(prompt: str, answer: str) -> str:
    """As `_records.record_id` has it for two plain turns."""
    turns = [["user", canonical(prompt), None, None, None], ["assistant", canonical(answer), None, None, None]]
    return hashlib.sha256(orjson.dumps([_SFT, turns, None, None, None, None])).hexdigest()


_SFT = Kind.SFT.value


def _messages(prompts: Sequence[str], answers: Sequence[str]) -> pl.Series:
    """A user's and an assistant's turn for each row."""
    content: list[str] = [""] * (2 * len(prompts))
    content[::2], content[1::2] = prompts, answers
    asked = pl.int_range(pl.len()) % 2 == 0
    said = {"role": pl.when(asked).then(pl.lit("user")).otherwise(pl.lit("assistant")), "content": pl.col("content")}
    turn = pl.struct(
        said.get(name, pl.lit(None, dtype=dtype)).alias(name) for name, dtype in MESSAGE.to_schema().items()
    )
    turns = pl.DataFrame({"content": pl.Series(content, dtype=pl.String)}).select(messages=turn)["messages"]
    # Of a fixed shape first: putting turns together as lists takes forty times as long.
    return turns.reshape((len(prompts), 2)).arr.to_list()
