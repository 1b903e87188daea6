"""Rows that show a finding, cut to what a page can hold."""

from collections.abc import Sequence

import polars as pl

from pipelines._spans import Marked
from schemas.outcome import Fate
from schemas.report import Example, Span

# Per finding: enough to see a pattern, few enough to read.
EXAMPLES = 5
CHARACTERS = 400


def examples_of(records: pl.DataFrame, which: pl.Expr) -> list[Example]:
    """The first EXAMPLES rows of `which`, as `shown`."""
    return shown(first_of(records, which), records)


def first_of(records: pl.DataFrame, which: pl.Expr) -> pl.DataFrame:
    """The first EXAMPLES rows of `which` in reading order; a pair once, also where both sides of it are among them."""
    pair = pl.concat_list(pl.min_horizontal("record_id", "twin"), pl.max_horizontal("record_id", "twin"))
    alone = pl.col("row_id").cast(pl.String)
    # Lazily: what is found is found without a copy of its texts, and it may be every row.
    places = (
        records.lazy()
        .with_row_index("at")
        .filter(which)
        .sort("row_id")
        .select("at", pair=pl.when(pl.col("twin").is_null()).then(pl.concat_list(alone, alone)).otherwise(pair))
        .unique("pair", keep="first", maintain_order=True)
        .head(EXAMPLES)
        .collect()
    )
    return records[places["at"]]


def shown(first: pl.DataFrame, records: pl.DataFrame, marks: Sequence[Marked | None] | None = None) -> list[Example]:
    """A handful of `records` with the texts of their twins (schemas.report.Example).

    With `marks`, one for each, texts are cut around the first of them.
    """
    if first.is_empty():
        return []
    # Equal content has one record_id: the twin of a duplicate is the copy that is none.
    others = (
        records.lazy()
        .filter(pl.col("record_id").is_in(first["twin"].drop_nulls().implode()))
        .filter(pl.col("outcome") != Fate.DUPLICATE.value)
        .unique("record_id", keep="first", maintain_order=True)
        .select(
            twin="record_id",
            twin_source="source",
            twin_source_row="source_row",
            twin_prompt=_cut("prompt"),
            twin_completion=_cut("completion"),
        )
    )
    both = first.lazy().join(others, on="twin", how="left", maintain_order="left").collect()
    columns = both.select(
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
    examples = [Example.model_validate(row) for row in columns.to_dicts()]
    if marks is None:
        return examples
    whole = first.select("prompt", "completion").to_dicts()
    return [_with_spans(*each) for each in zip(examples, whole, marks, strict=True)]


def _with_spans(example: Example, whole: dict[str, str], found: Marked | None) -> Example:
    if found is None:
        return example
    text = whole[found.text]
    start = max(0, found.places[0][0] - CHARACTERS // 3) if len(text) > CHARACTERS else 0
    end = start + CHARACTERS
    before = "…" if start else ""
    shift = len(before) - start
    spans = [
        Span(text=found.text, start=a + shift, end=min(b, end) + shift) for a, b in found.places if a < min(b, end)
    ]
    cut = before + text[start:end] + ("…" if end < len(text) else "")
    return example.model_copy(update={found.text: cut, "spans": spans})


def _cut(column: str) -> pl.Expr:
    text = pl.col(column)
    return pl.when(text.str.len_chars() > CHARACTERS).then(text.str.slice(0, CHARACTERS) + "…").otherwise(text)
