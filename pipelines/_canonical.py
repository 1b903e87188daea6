"""The canonical line of a released record: what splits/*.jsonl and dataset/ hold."""

from typing import Any

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


def canonical(records: pl.DataFrame) -> pl.DataFrame:
    """The released records as canonical lines with their `split`, sorted by record_id.

    A message keeps role and content, and of the other keys those that any record of the release uses:
    null keys that nobody uses would reach chat templates, some of which take a null for a tool call.
    """
    keys = [field.name for field in MESSAGE.fields if field.name in ALWAYS or _used(records, field.name)]
    message = pl.struct(pl.element().struct.field(key) for key in keys)
    line = (pl.col(name).list.eval(message) if name in CONVERSATIONS else pl.col(name) for name in LINE)
    return records.sort(ORDER).select(*line, "split")


def features_of(schema: pl.Schema) -> Any:
    """The `datasets.Features` for a polars schema of strings, numbers, booleans, lists and structs."""
    import datasets

    return datasets.Features({name: _feature(dtype) for name, dtype in schema.items()})


def _feature(dtype: object) -> Any:
    import datasets

    if isinstance(dtype, pl.List):
        return datasets.List(_feature(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return {field.name: _feature(field.dtype) for field in dtype.fields}
    return datasets.Value({"String": "string", "Boolean": "bool", "Int64": "int64"}[str(dtype)])


def _used(records: pl.DataFrame, key: str) -> bool:
    said = (pl.col(name).list.eval(pl.element().struct.field(key).is_not_null()).list.any() for name in CONVERSATIONS)
    return bool(records.select(pl.any_horizontal(one.any() for one in said)).item())
