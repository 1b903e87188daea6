"""Rows that show a finding, cut to what a page can hold."""

import polars as pl

from schemas.outcome import Fate
from schemas.report import Example

# Per finding: enough to see a pattern, few enough to read.
EXAMPLES = 5
CHARACTERS = 400


def examples_of(rows: pl.DataFrame, records: pl.DataFrame) -> list[Example]:
    """The first EXAMPLES of `rows` in reading order, with the texts of their twins (schemas.report.Example).

    A pair is shown once, also where `rows` holds both sides of it.
    """
    pair = pl.concat_list(pl.min_horizontal("record_id", "twin"), pl.max_horizontal("record_id", "twin"))
    alone = pl.col("row_id").cast(pl.String)
    first = (
        rows.sort("row_id")
        .with_columns(pair=pl.when(pl.col("twin").is_null()).then(pl.concat_list(alone, alone)).otherwise(pair))
        .unique("pair", keep="first", maintain_order=True)
        .head(EXAMPLES)
    )
    # Equal content has one record_id: the twin of a duplicate is the copy that is none.
    others = records.filter(
        pl.col("record_id").is_in(first["twin"].drop_nulls().implode()), pl.col("outcome") != Fate.DUPLICATE.value
    )
    shown = first.join(
        others.unique("record_id", keep="first", maintain_order=True).select(
            twin="record_id",
            twin_source="source",
            twin_source_row="source_row",
            twin_prompt=_cut("prompt"),
            twin_completion=_cut("completion"),
        ),
        on="twin",
        how="left",
        maintain_order="left",
    )
    columns = shown.select(
        "record_id",
        "source",
        "source_row",
        prompt=_cut("prompt"),
        completion=_cut("completion"),
        twin="twin",
        twin_source="twin_source",
        twin_source_row="twin_source_row",
        twin_prompt="twin_prompt",
        twin_completion="twin_completion",
        similarity="similarity",
        detail="detail",
    )
    return [Example.model_validate(row) for row in columns.to_dicts()]


def _cut(column: str) -> pl.Expr:
    text = pl.col(column)
    return pl.when(text.str.len_chars() > CHARACTERS).then(text.str.slice(0, CHARACTERS) + "…").otherwise(text)
