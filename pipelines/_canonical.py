"""The canonical line of a released record: what splits/*.jsonl and dataset/ hold."""

from collections.abc import Sequence

import polars as pl

from schemas.record import MESSAGE

# Two rows with equal content share their record_id; the rest of the row's key breaks the tie.
ORDER = ("record_id", "source", "source_row", "part")

LINE = (
    *("record_id", "kind", "messages", "tools", "chosen", "rejected", "label"),
    *("source", "source_row", "group", "license", "language", "metadata"),
)
"""The keys of a canonical line, in order."""

CONVERSATIONS = ("messages", "chosen", "rejected")

# Without these two no chat template reads a message.
ALWAYS = ("role", "content")


def message_keys(records: pl.DataFrame | pl.LazyFrame) -> list[str]:
    """The keys of a message in a release of `records`: role, content, and those that any record uses.

    Null keys that nobody uses would reach chat templates, some of which take a null for a tool call.
    """
    optional = [field.name for field in MESSAGE.fields if field.name not in ALWAYS]
    used = (
        records.lazy().select(_used(key).alias(key) for key in optional).collect(engine="streaming").row(0, named=True)
    )
    return [field.name for field in MESSAGE.fields if field.name in ALWAYS or used[field.name]]


def _used(key: str) -> pl.Expr:
    said = (pl.col(name).list.eval(pl.element().struct.field(key).is_not_null()).list.any() for name in CONVERSATIONS)
    return pl.any_horizontal(one.any() for one in said)


def canonical(records: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Released records as canonical lines with their `split`, in their order; `keys` are those of a message."""
    message = pl.struct(pl.element().struct.field(key) for key in keys)
    line = (pl.col(name).list.eval(message) if name in CONVERSATIONS else pl.col(name) for name in LINE)
    return records.select(*line, "split")
