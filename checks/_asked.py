"""Demands that are read and judged row by row in Python: only the rows that a cheap look lets through are read."""

from collections.abc import Callable

import polars as pl

from checks._text import answer, derived

Judge = Callable[[str, str, str], bool | None]
"""From request, context and answer: whether the answer keeps the demand; None where the request makes none."""


def judged(name: str, asked: pl.Expr, judge: Judge) -> pl.Expr:
    """A derived column of a judge's verdicts, null where `asked` is null or makes no such demand."""

    def each(rows: pl.Series) -> pl.Series:
        requests, contexts, answers = (rows.struct.field(field) for field in ("request", "context", "answer"))
        said: list[bool | None] = [None] * len(rows)
        for place in requests.is_not_null().arg_true():
            said[place] = judge(requests[place], contexts[place] or "", answers[place] or "")
        return pl.Series(said, dtype=pl.Boolean)

    read = pl.struct(request=asked, context=pl.col("context"), answer=answer())
    return derived(name, read.map_batches(each, return_dtype=pl.Boolean))
