"""What the families share: texts prepared once for all checks, and ways to stay cheap.

A regex costs time on every row. `where(gate, text)` is null on the rows that a cheap gate rules out,
and a regex on null costs nothing. What several checks read is a derived column, computed once.
"""

import polars as pl

from schemas.record import Kind

# A letter, digit, sign or emoji: what a reader can see. Format characters and spaces are none.
VISIBLE = r"[\p{L}\p{N}\p{P}\p{S}]"

# Prose has one of these signs in 50 characters, code one in 10.
_CODE_SIGN = r"[{}\[\]();=<>|\\_*#+/&^~@]"
MAX_CODE_SHARE = 0.06

DERIVED: dict[str, pl.Expr] = {}
"""Columns that checks read beside a record's own, by name. They may read earlier ones."""


def derived(name: str, expression: pl.Expr) -> pl.Expr:
    """Register a column for all checks to read; returns the expression that reads it."""
    if name in DERIVED:
        raise TypeError(f"two derived columns are called {name}")
    DERIVED[name] = expression
    return pl.col(name)


def with_derived(records: pl.DataFrame) -> pl.DataFrame:
    """The records with the derived columns they lack: those that read none first, then those that read them."""
    missing = {name: expression for name, expression in DERIVED.items() if name not in records.columns}
    while missing:
        ready = {n: e for n, e in missing.items() if not missing.keys() & set(e.meta.root_names())}
        records = records.with_columns(**ready)
        missing = {n: e for n, e in missing.items() if n not in ready}
    return records


def is_kind(*kinds: Kind) -> pl.Expr:
    """Whether the record is of one of these kinds. A null kind counts as sft."""
    return pl.col("kind").fill_null(Kind.SFT).is_in([str(kind) for kind in kinds])


_PROMPT = derived("t_prompt", pl.col("prompt").fill_null(""))
_COMPLETION = derived("t_completion", pl.col("completion").fill_null(""))
_UNWANTED = is_kind(Kind.KTO) & ~pl.col("label").fill_null(True)
_ANSWER = derived("t_answer", pl.when(_UNWANTED).then(pl.lit("")).otherwise(_COMPLETION))


def prompt() -> pl.Expr:
    """The prompt; "" when there is none."""
    return _PROMPT


def completion() -> pl.Expr:
    """The completion; "" when there is none."""
    return _COMPLETION


def answer() -> pl.Expr:
    """The completion a model shall learn: "" where there is none, or where KTO marks it as unwanted."""
    return _ANSWER


def where(gate: pl.Expr, text: pl.Expr) -> pl.Expr:
    """The text where the gate is true, else null, so that an expensive expression skips the row.

    polars' `str.contains` also looks at what lies under a null, so nothing is left lying there.
    """
    return pl.when(gate).then(pl.when(gate).then(text).otherwise(pl.lit(""))).otherwise(None)


def has(text: pl.Expr, pattern: str) -> pl.Expr:
    """Whether the regex occurs in the text. Null text has nothing in it."""
    return text.str.contains(pattern).fill_null(False)


def has_literal(text: pl.Expr, *literals: str, ignore_case: bool = False) -> pl.Expr:
    """Whether one of the literals occurs in the text: one pass, whatever their number."""
    return text.str.contains_any(list(literals), ascii_case_insensitive=ignore_case).fill_null(False)


def asks_about(*words: str) -> pl.Expr:
    """Whether the prompt contains one of the words, in any case."""
    return has_literal(prompt(), *words, ignore_case=True)


def is_code(text: pl.Expr) -> pl.Expr:
    """Whether the text is code or markup rather than prose: by the share of signs that code is full of."""
    return (text.str.count_matches(_CODE_SIGN) > MAX_CODE_SHARE * text.str.len_chars()).fill_null(False)
