"""Texts without what does not change a reading, for comparing whole records."""

from collections.abc import Callable

import polars as pl

from pipelines.cache.keys import text_keys

ABSENT = "\x00"
"""Stands for a part that a record does not have, so that "nothing" and "empty" differ."""


# By what sign a text is known in which a step changes anything: few texts have one, and looking for it takes a tenth
# of the time of the step.
_STEPS: tuple[tuple[str, Callable[[pl.Series], pl.Series]], ...] = (
    (r"[^\x00-\x7f]", lambda texts: texts.str.normalize("NFC").str.to_lowercase()),
    (r"[\t\u{a0}]|  ", lambda texts: texts.str.replace_all(r"(\S)[ \t\u{a0}]+", "$1 ")),
    (r"\s\n", lambda texts: texts.str.replace_all(r"\s*\r?\n", "\n")),
)


def squeezed(text: pl.Expr) -> pl.Expr:
    """Text without differences of case, runs of spaces, trailing spaces and blank lines.

    Indentation stays, because it is part of a program.
    """
    return text.map_batches(_squeezed, return_dtype=pl.String, is_elementwise=True)


def _squeezed(texts: pl.Series) -> pl.Series:
    # Of ASCII lower case is all that NFC leaves to do.
    for sign, step in _STEPS:
        at = texts.str.contains(sign).fill_null(False).arg_true()
        texts = texts.scatter(at, step(texts.gather(at))) if len(at) else texts
    return texts.str.to_lowercase().str.strip_chars()


def digested(text: pl.Expr) -> pl.Expr:
    """32 characters in place of each text, however long it is; equal for equal texts, null for null."""
    return text.map_batches(text_keys, return_dtype=pl.String, is_elementwise=True)


def rejected_text() -> pl.Expr:
    """The words of the rejected answer; null where there is none."""
    return pl.col("rejected").list.eval(pl.element().struct.field("content")).list.join("\n")


def content_key() -> pl.Expr:
    """32 characters, equal for records that are equal but for case and spacing."""
    return digested(
        pl.concat_str(
            pl.col("kind"),
            squeezed(pl.col("prompt")),
            squeezed(pl.col("completion")).fill_null(ABSENT),
            squeezed(rejected_text()).fill_null(ABSENT),
            pl.col("tools").fill_null(ABSENT),
            pl.col("label").cast(pl.String).fill_null(ABSENT),
            separator="\x1f",
        )
    )
