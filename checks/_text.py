"""What the families share: texts prepared once for all checks, and ways to stay cheap.

A regex costs time on every row. `where(gate, text)` is null on the rows that a cheap gate rules out,
and a regex on null costs nothing. What several checks read is a derived column, computed once.
"""

from collections.abc import Iterable, Sequence

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


def behind(expressions: Iterable[pl.Expr]) -> dict[str, pl.Expr]:
    """The derived columns that the expressions read, and those that these read, in the order of their definition."""
    wanted = {name for expression in expressions for name in expression.meta.root_names()} & DERIVED.keys()
    found: set[str] = set()
    while wanted:
        found |= wanted
        wanted = {name for one in wanted for name in DERIVED[one].meta.root_names()} & (DERIVED.keys() - found)
    return {name: expression for name, expression in DERIVED.items() if name in found}


def with_derived(records: pl.DataFrame, readers: Iterable[pl.Expr] | None = None) -> pl.DataFrame:
    """The records with the derived columns that `readers` need (null: all) and that they lack.

    First those that read none, then those that read them.
    """
    needed = DERIVED if readers is None else behind(readers)
    missing = {name: expression for name, expression in needed.items() if name not in records.columns}
    while missing:
        ready = {n: e for n, e in missing.items() if not missing.keys() & set(e.meta.root_names())}
        # Lazily, so that what several columns and conditions share is worked out once.
        records = records.lazy().with_columns(**ready).collect()
        missing = {n: e for n, e in missing.items() if n not in ready}
    return records


def is_kind(*kinds: Kind) -> pl.Expr:
    """Whether the record is of one of these kinds. A null kind counts as sft."""
    return pl.col("kind").fill_null(Kind.SFT).is_in([str(kind) for kind in kinds])


_PROMPT = derived("t_prompt", pl.col("prompt").fill_null(""))
_COMPLETION = derived("t_completion", pl.col("completion").fill_null(""))
_WANTED = derived("t_wanted", ~is_kind(Kind.KTO) | pl.col("label").fill_null(True))
_ANSWER = derived("t_answer", pl.when(_WANTED).then(_COMPLETION).otherwise(pl.lit("")))


def prompt() -> pl.Expr:
    """The prompt; "" when there is none."""
    return _PROMPT


def completion() -> pl.Expr:
    """The completion; "" when there is none."""
    return _COMPLETION


def answer() -> pl.Expr:
    """The completion a model shall learn: "" where there is none, or where KTO marks it as unwanted."""
    return _ANSWER


def is_wanted() -> pl.Expr:
    """False where KTO marks the completion as unwanted: rules about good answers pass it."""
    return _WANTED


def where(gate: pl.Expr, text: pl.Expr) -> pl.Expr:
    """The text where the gate is true, else null, so that an expensive expression skips the row.

    polars' `str.contains` also looks at what lies under a null, so nothing is left lying there.
    """
    return pl.when(gate).then(pl.when(gate).then(text).otherwise(pl.lit(""))).otherwise(None)


def odd(text: pl.Expr) -> pl.Expr:
    """The text where it has anything beyond ASCII's printed characters and usual spaces, else null.

    One look that spares most texts the search for damage of many sorts.
    """
    return where(has(text, r"[^\t\n\r\x0c -~]"), text)


def has(text: pl.Expr, pattern: str) -> pl.Expr:
    """Whether the regex occurs in the text. Null text has nothing in it."""
    return text.str.contains(pattern).fill_null(False)


def has_literal(text: pl.Expr, *literals: str, ignore_case: bool = False) -> pl.Expr:
    """Whether one of the literals occurs in the text: one pass, whatever their number."""
    if ignore_case:
        return text.str.contains_any(list(literals), ascii_case_insensitive=True).fill_null(False)
    if len(literals) == 1:
        return text.str.contains(literals[0], literal=True).fill_null(False)
    # As a regex a few literals are looked for many bytes at a time, by `contains_any` byte by byte.
    return has(text, "|".join(map(pl.escape_regex, literals)))


def has_one_of(text: pl.Expr, literals: Sequence[str]) -> pl.Expr:
    """`has_literal` for dozens of literals, of which a regex would be slower."""
    return text.str.contains_any(list(literals)).fill_null(False)


def asks_about(*words: str, among: pl.Expr | None = None) -> pl.Expr:
    """Whether the prompt contains one of the words, in any case. Only rows of `among` are looked at, others say no."""
    asked = prompt() if among is None else where(among, prompt())
    return has_literal(asked, *words, ignore_case=True)


def is_code(text: pl.Expr) -> pl.Expr:
    """Whether the text is code or markup rather than prose: by the share of signs that code is full of."""
    return (text.str.count_matches(_CODE_SIGN) > MAX_CODE_SHARE * text.str.len_chars()).fill_null(False)


ODD_PROMPT = derived("t_odd_prompt", odd(prompt()))
ODD_COMPLETION = derived("t_odd_completion", odd(completion()))
# Characters that are no space, between spaces: words of the scripts that part them.
N_WORDS = derived("t_n_words", completion().str.count_matches(r"\S+").cast(pl.Int64))
