"""Plain conversations, which all trainers take, as columns: what `fit` says of them, for all of them at once.

Most records are nothing else. What is said here about a record is what the rules and `line` say about
it, which a test compares; every record that is not surely plain goes to them.
"""

import polars as pl

from schemas.record import Kind

# str.strip's idea of space, which has a few characters more than that of polars. None lies above U+3000.
SPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())

# A system turn may come first; then questions and answers take turns, and an answer is last.
_TURNS = r"^(?:system,)?user,assistant(?:,user,assistant)*$"

ROLE, CONTENT = pl.element().struct.field("role"), pl.element().struct.field("content")


def is_plain(max_tokens: int) -> pl.Expr:
    """True for a conversation of questions and answers with text alone: no tools, names, masks, nothing empty.

    Such a record passes every rule that trainers share. Never null.
    """
    speaks = CONTENT.str.strip_chars(SPACE) != ""
    others = (pl.element().struct.field(key).is_null() for key in ("name", "tool_calls", "tool_call_id", "train"))
    turn = pl.all_horizontal(speaks | (ROLE == "system"), *others)
    return pl.all_horizontal(
        pl.col("kind") == Kind.SFT.value,
        pl.col("tools", "chosen", "rejected").is_null(),
        pl.col("n_tokens") <= max_tokens,
        pl.col("messages").list.eval(ROLE).list.join(",").str.contains(_TURNS),
        pl.col("messages").list.eval(turn).list.all(),
    ).fill_null(False)


def said(**keys: pl.Expr) -> pl.Expr:
    """The messages with these keys, in their order, made from ROLE and CONTENT."""
    return pl.col("messages").list.eval(pl.struct(key.alias(name) for name, key in keys.items()))


def no_turn_holds(*texts: str) -> pl.Expr:
    """True where no message holds one of `texts`."""
    held = pl.col("messages").list.eval(CONTENT.str.contains_any(list(texts))).list.any()
    return ~held.fill_null(False)
