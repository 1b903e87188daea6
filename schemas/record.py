"""The canonical record, and the polars schema of a frame of records.

A record is one conversation, one preference pair or one labelled completion. The schema is fixed,
so that frames from any source stack; what a source has beyond it stays in `metadata`.
"""

from enum import StrEnum

import polars as pl


class Kind(StrEnum):
    """What a trainer can do with a record."""

    SFT = "sft"
    PREFERENCE = "preference"
    KTO = "kto"


ROLES = ("system", "user", "assistant", "tool")
"""Canonical roles. `developer` is read as `system`, `function` as `tool`."""

TOOL_CALL = pl.Struct(
    {
        "id": pl.String(),
        "type": pl.String(),
        "function": pl.Struct({"name": pl.String(), "arguments": pl.String()}),
    }
)
"""The OpenAI form: `arguments` is JSON text, so that differing arguments share one schema."""

MESSAGE = pl.Struct(
    {
        "role": pl.String(),
        "content": pl.String(),
        "name": pl.String(),
        "tool_calls": pl.List(TOOL_CALL),
        "tool_call_id": pl.String(),
        "train": pl.Boolean(),
    }
)
"""One turn. `content` is never null ("" where a turn only calls tools); the rest is null when absent.
`train` false masks the turn's loss; null leaves it to the trainer."""

ROW_KEY = ("source", "source_row", "part")
"""What names an input row. Two rows with equal content share their `record_id`, never their key."""

RECORD_SCHEMA = pl.Schema(
    {
        "row_id": pl.Int64(),  # running number in reading order; unique within one run
        "record_id": pl.String(),  # SHA-256 (hex) of the normalised content
        "source": pl.String(),  # as the user named it; files of a folder below the folder's name
        "source_row": pl.Int64(),  # from 1: the line in line formats, the record elsewhere
        "part": pl.Int32(),  # from 1 where one row holds several records (a tree's paths), else 0
        "group": pl.String(),  # conversation or document the record came from; null when unknown
        "kind": pl.String(),  # a Kind
        "messages": pl.List(MESSAGE),  # preference: the turns that both answers share
        "tools": pl.String(),  # JSON list of tool definitions; null when none
        "chosen": pl.List(MESSAGE),  # preference only
        "rejected": pl.List(MESSAGE),  # preference only
        "label": pl.Boolean(),  # kto only: true is a wanted completion
        "license": pl.String(),
        "metadata": pl.String(),  # JSON object of the source's other keys, untouched; null when none
        "prompt": pl.String(),  # text of all turns before the completion; "" when there are none
        "completion": pl.String(),  # text of the last assistant turn (preference: of `chosen`); null when none
        "context": pl.String(),  # the input or document given beside the instruction; null when none
    }
)
"""What ingest delivers. Later stages add columns; none changes these."""

TEXTS = ("messages", "tools", "chosen", "rejected", "metadata", "prompt", "completion", "context")
"""Columns that hold what was said: nearly all of a record's bytes."""

WHOLE_TEXTS = ("messages", "tools", "chosen", "rejected", "metadata")
"""Those of TEXTS that only exports, checks and marks read: the other three say in short what most measures look at."""


def typed(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """`frame` with those of its columns that `schema` names in the schema's types."""
    return frame.with_columns(pl.col(name).cast(dtype) for name, dtype in schema.items() if name in frame.columns)
