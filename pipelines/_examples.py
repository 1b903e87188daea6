"""Rows that show a finding, cut to what a page can hold."""

import polars as pl

from schemas.report import Example

# Per finding: enough to see a pattern, few enough to read.
EXAMPLES = 5
CHARACTERS = 400


def examples_of(rows: pl.DataFrame, records: pl.DataFrame) -> list[Example]:
    """The first EXAMPLES of `rows` in reading order, with the texts of their twins (schemas.report.Example)."""
    first = rows.sort("row_id").head(EXAMPLES)
    twins = records.filter(pl.col("record_id").is_in(first["twin"].drop_nulls().implode())).unique(
        "record_id", keep="first", maintain_order=True
    )
    shown = first.join(
        twins.select(twin="record_id", twin_prompt=_cut("prompt"), twin_completion=_cut("completion")),
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
        twin_prompt="twin_prompt",
        twin_completion="twin_completion",
        similarity="similarity",
    )
    return [Example.model_validate(row) for row in columns.to_dicts()]


def _cut(column: str) -> pl.Expr:
    text = pl.col(column)
    return pl.when(text.str.len_chars() > CHARACTERS).then(text.str.slice(0, CHARACTERS) + "…").otherwise(text)
