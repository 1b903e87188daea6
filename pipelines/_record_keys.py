"""A record's content as a key: whatever a check or measure may read of it, and nothing of its place."""

import polars as pl

from pipelines.cache.keys import text_keys
from schemas.record import Kind

# What the texts say already is not written again: an exchange of two plain turns is its prompt and its completion.
_TURNS = ("messages", "chosen", "rejected")
_FURTHER = ("kind", *_TURNS, "tools", "label")


def record_keys(records: pl.DataFrame) -> pl.Series:
    """32 hex characters for each record, in order; equal for equal content, wherever it came from.

    The content is its texts to the last blank (`record_id` would hold two spellings for one), its turns, tools,
    kind and label. Source, row, group, licence and metadata are no part of it: no check reads them.
    """
    plain = _is_plain()
    rest = records.with_row_index("row").filter(~plain)
    written = rest.select("row", rest=pl.struct(_FURTHER).struct.json_encode())
    texts = records.select("prompt", "completion", "context").with_row_index("row")
    all_said = texts.join(written, on="row", how="left", maintain_order="left")
    said = all_said.select(pl.concat_str(map(_sized, ("prompt", "completion", "context", "rest"))).alias("key"))
    return text_keys(said.to_series())


def _is_plain() -> pl.Expr:
    """Whether the record is one question and one answer, of which prompt and completion tell everything. Never null."""
    turns = pl.col("messages")
    extras = [pl.element().struct.field(name).is_not_null() for name in _EXTRAS]
    contents = [turns.list.get(at, null_on_oob=True).struct.field("content") for at in (0, 1)]
    others = [pl.col(name).is_null() for name in _FURTHER if name not in ("kind", "messages")]
    return pl.all_horizontal(
        pl.col("kind") == Kind.SFT.value,
        turns.list.eval(pl.element().struct.field("role")).list.join(",") == "user,assistant",
        ~turns.list.eval(pl.any_horizontal(extras)).list.any(),
        contents[0] == pl.col("prompt"),
        contents[1] == pl.col("completion"),
        *others,
    ).fill_null(False)


_EXTRAS = ("name", "tool_calls", "tool_call_id", "train")


def _sized(name: str) -> pl.Expr:
    """The text behind its length, so that none can run into the next; null is no text."""
    text = pl.col(name)
    return pl.concat_str(text.str.len_bytes().cast(pl.String), pl.lit(":"), text).fill_null("-")
