"""Demands that are read and judged row by row in Python: only the rows that a cheap look lets through are read."""

from collections.abc import Callable

import polars as pl

from checks._text import answer, derived

Judge = Callable[[str, str, str], bool | None]
"""From request, context and answer: whether the answer keeps the demand; None where the request makes none."""


def judged(name: str, asked: pl.Expr, judge: Judge) -> pl.Expr:
    """A derived column of a judge's verdicts, null where `asked` is null or makes no such demand."""

    def each(rows: pl.Series) -> pl.Series:
        asking = rows.struct.unnest().with_row_index("row").filter(pl.col("request").is_not_null())
        found = [judge(request, context or "", said or "") for _, request, context, said in asking.iter_rows()]
        return filled(rows.len(), asking["row"], pl.Series(found, dtype=pl.Boolean))

    read = pl.struct(request=asked, context=pl.col("context"), answer=answer())
    return derived(name, read.map_batches(each, return_dtype=pl.Boolean))


def filled(length: int, rows: pl.Series, values: pl.Series) -> pl.Series:
    """A series of so many nulls, but for the values at these rows."""
    place = pl.Series([None], dtype=pl.UInt32).new_from_index(0, length)
    if len(rows):
        place.scatter(rows, pl.arange(len(rows), dtype=pl.UInt32, eager=True))
    return values.gather(place) if len(values) else values.clear(length)
