"""The trainers' formats. One function, `fit`, says what a trainer gets of a record, or why nothing.

Exporting and validating both ask it, so that a record that passes validation is a record that is
written. A format's own file says what its trainer reads, and from which of its documents we know.
"""

from collections.abc import Iterator

import polars as pl

from pipelines.formats._exporter import Exporter, Line, Refusal, Row, Why
from pipelines.formats._rules import first
from pipelines.formats.to_axolotl import AXOLOTL
from pipelines.formats.to_litgpt import LITGPT
from pipelines.formats.to_llama_factory import LLAMA_FACTORY
from pipelines.formats.to_openai import OPENAI
from pipelines.formats.to_trl import TRL
from schemas.errors import UsageError

__all__ = ["COLUMNS", "EXPORTERS", "Exporter", "Line", "Refusal", "Row", "Why", "exporter", "fit", "refusals", "rows"]

EXPORTERS = {one.name: one for one in (TRL, LLAMA_FACTORY, AXOLOTL, LITGPT, OPENAI)}

COLUMNS = (
    *("record_id", "source", "source_row", "kind", "messages", "tools", "chosen", "rejected", "label"),
    *("context", "n_tokens"),
)
"""What an exporter reads of a record; writing needs `split` too."""

# Rows held as Python objects at one time: bounds memory whatever the frame's size.
SLICE = 8192

REFUSAL_SCHEMA = pl.Schema(
    {
        "record_id": pl.String(),
        "source": pl.String(),
        "source_row": pl.Int64(),
        "reason": pl.String(),
        "detail": pl.String(),
    }
)


def exporter(name: str) -> Exporter:
    """The format of that name. Raises UsageError, naming those there are."""
    if name not in EXPORTERS:
        raise UsageError(f"{name!r} is no export format; choose from {', '.join(EXPORTERS)}")
    return EXPORTERS[name]


def fit(row: Row, to: Exporter, *, max_tokens: int) -> Line | Refusal:
    """What is written for the record, or the first reason against it. `max_tokens` is the trainer's window."""
    return _too_long(row, max_tokens) or _unsupported(row, to) or first(to.rules[row["kind"]], row) or to.line(row)


def rows(records: pl.DataFrame, *more: str) -> Iterator[Row]:
    """The records as Python rows with COLUMNS and `more`, in the frame's order."""
    for part in records.select(*COLUMNS, *more).iter_slices(SLICE):
        yield from part.iter_rows(named=True)


def refusals(records: pl.DataFrame, name: str, *, max_tokens: int) -> pl.DataFrame:
    """The records that the format refuses, with reason and detail, in the frame's order."""
    to = exporter(name)
    judged = ((row, fit(row, to, max_tokens=max_tokens)) for row in rows(records))
    refused = [
        (row["record_id"], row["source"], row["source_row"], *no) for row, no in judged if isinstance(no, Refusal)
    ]
    return pl.DataFrame(refused, schema=REFUSAL_SCHEMA, orient="row")


def _too_long(row: Row, max_tokens: int) -> Refusal | None:
    if row["n_tokens"] is None:
        return Refusal(Why.LENGTH_UNKNOWN, "its tokens were not counted")
    if row["n_tokens"] > max_tokens:
        return Refusal(Why.TOO_LONG, f"{row['n_tokens']} tokens; the trainer would cut it at {max_tokens}")
    return None


def _unsupported(row: Row, to: Exporter) -> Refusal | None:
    if row["kind"] in to.rules:
        return None
    return Refusal(Why.KIND, f"{to.name} has no form for {row['kind']} records")
