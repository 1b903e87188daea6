"""What two texts may differ in and still be one: worked out quickly, and equal to what is plainly said."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipelines._normal import squeezed

PIECES = [
    "a",
    "É",
    "é",
    "E\u0301",
    "İ",
    "ſ",
    " ",
    "  ",
    "\t",
    "\u00a0",
    "\n",
    "\r\n",
    "\n\n",
    "\u2028",
    "{",
    "中",
    "",
    "  x",
    "\x1f",
]


def plainly(texts: pl.Series) -> pl.Series:
    """Each step on every text."""
    return (
        texts.str.normalize("NFC")
        .str.to_lowercase()
        .str.replace_all(r"(\S)[ \t\u{a0}]+", "$1 ")
        .str.replace_all(r"\s*\r?\n", "\n")
        .str.strip_chars()
    )


@given(
    st.lists(st.none() | st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=12), max_size=6)
)
def test_it_is_what_every_step_on_every_text_makes(texts: list[str | None]) -> None:
    told = pl.Series(
        [None if text is None else text.encode("utf-8", "replace").decode() for text in texts], dtype=pl.String
    )
    assert pl.select(squeezed(pl.lit(told))).to_series().equals(plainly(told), null_equal=True)


def test_case_spaces_and_blank_lines_are_nothing_and_indentation_is_something() -> None:
    told = pl.DataFrame({"text": ["Say  it\t now. \n\n", "say it now.", "if x:\n    y", "if x:\n  y", "E\u0301", "é"]})
    found = told.select(squeezed(pl.col("text")))["text"]
    assert found[0] == found[1]
    assert found[2] != found[3]
    assert found[4] == found[5]
