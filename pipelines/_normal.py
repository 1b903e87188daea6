"""Texts without what does not change a reading, for comparing whole records."""

import polars as pl

ABSENT = "\x00"
"""Stands for a part that a record does not have, so that "nothing" and "empty" differ."""


def squeezed(text: pl.Expr) -> pl.Expr:
    """Text without differences of case, runs of spaces, trailing spaces and blank lines.

    Indentation stays, because it is part of a program.
    """
    return (
        text.str.normalize("NFC")
        .str.to_lowercase()
        .str.replace_all(r"(\S)[ \t\u{a0}]+", "$1 ")
        .str.replace_all(r"\s*\r?\n", "\n")
        .str.strip_chars()
    )


def rejected_text() -> pl.Expr:
    """The words of the rejected answer; null where there is none."""
    return pl.col("rejected").list.eval(pl.element().struct.field("content")).list.join("\n")


def content_key() -> pl.Expr:
    """Equal for records that are equal but for case and spacing."""
    return pl.concat_str(
        pl.col("kind"),
        squeezed(pl.col("prompt")),
        squeezed(pl.col("completion")).fill_null(ABSENT),
        squeezed(rejected_text()).fill_null(ABSENT),
        pl.col("tools").fill_null(ABSENT),
        pl.col("label").cast(pl.String).fill_null(ABSENT),
        separator="\x1f",
    )
