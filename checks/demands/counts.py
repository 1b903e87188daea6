"""How much a text has of what prompts count: words, sentences, paragraphs, items of a list.

People count differently, so each count is a pair: the fewest and the most that a usual way of counting finds.
"""

from typing import NamedTuple

import polars as pl

from checks._text import derived, has, has_literal, where


class Range(NamedTuple):
    """The fewest and the most, both Int64; null where the text was null."""

    low: pl.Expr
    high: pl.Expr


# Scripts that put no space between words: what a word is there is not said by the text.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"

# "Well-known" is one word to an editor and two to others; a dash or a bullet by itself is none.
_SPACED_WORD = r"\S*[\p{L}\p{N}]\S*"
_PARTED_WORD = r"[\p{L}\p{N}\p{M}]+(?:['’][\p{L}]+)*"

_MARKER = r"(?m)^[ \t]*(?:[*_#]+[ \t]*)?(?:\d{1,3}[.):]|[-*•–●])[ \t]+"
_SHORTENED = (
    r"\b(?:Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|Mt|vs|etc|e\.g|i\.e|cf|al|Inc|Ltd|Co|Corp|No|Fig|approx|a\.m|p\.m"
    r"|(?:[A-Z]\.)*[A-Z])\."
)
_QUOTED = r"\"[^\"\n]*\"|“[^”\n]*”"
_STOP = r"[.!?…。！？]"
# An end, and a new beginning that is no small letter: "e.g. this" is one sentence.
_SURE_END = rf"[。！？]+|{_STOP}+[\"'”’)\]*_]*(?:\s+[^\sa-z]|\s*$)"
_ANY_END = rf"{_STOP}+(?:[^\p{{L}}\p{{N}}]|\p{{Lu}}\p{{Ll}}|$)"
_OPEN_LINE = r"(?m)[^\s.!?…。！？\"'”’)*_][\"'”’)*_]*[ \t\r]*$"

_BLANK = r"\n[ \t\r]*\n\s*"
_PROSE_BLOCK = rf"(?:{_STOP}|[:;,])[\"'”’)\]*_]*[ \t\r]*(?:\n[ \t\r]*\n|$)"
_LINE = r"(?m)^.*\S"


def words(text: pl.Expr) -> Range:
    """Words parted by spaces, or by anything but letters and digits. As derived columns."""
    low, high = _count(text, _SPACED_WORD), _count(text, _PARTED_WORD)
    return Range(derived("d_words_low", low), derived("d_words_high", high))


def sentences(text: pl.Expr) -> Range:
    """Ends of sentences: those that are sure, outside quotation marks; or every end, and every line without one.

    As derived columns.
    """
    plain = derived("t_sentences_plain", text.str.strip_chars().str.replace_all(_MARKER, ""))
    sure = plain.str.replace_all(_QUOTED, "x.").str.replace_all(_SHORTENED, "x")
    counted = pl.max_horizontal(_count(sure, _SURE_END), pl.lit(1, dtype=pl.Int64))
    low = derived("d_sentences_low", pl.when(text.is_not_null()).then(counted))
    return Range(low, pl.max_horizontal(low, _count(plain, _ANY_END) + _count(plain, _OPEN_LINE)))


def paragraphs(text: pl.Expr) -> Range:
    """Blocks between blank lines that end as prose does; or lines."""
    plain = text.str.strip_chars()
    low = pl.max_horizontal(_count(plain, _PROSE_BLOCK), pl.lit(1, dtype=pl.Int64))
    return Range(low, pl.max_horizontal(low, _count(plain, _LINE)))


def blocks(text: pl.Expr, separator: str) -> pl.Expr:
    """The parts between lines that hold nothing but the separator (a pattern)."""
    return _count(text.str.strip_chars().str.strip_chars("*"), rf"(?m)^[ \t]*{separator}[ \t\r]*$") + 1


_NUMBERED = r"(?m)^[ \t]{0,3}(?:[*_#(]+[ \t]?)?(?:\d{1,3}[ \t]?[.):、．：]|[一二三四五六七八九十]{1,3}、)"
_BULLET = r"(?m)^[ \t]?[-*•–●▪◦+][ \t]*[^\s*-]"
_FIRST = r"(?m)^[ \t]{0,3}(?:[*_#(]+[ \t]?)?(?:1[ \t]?[.):、．：]|一、)"
_LABELLED = r"[:：\[\]|]"
_HEADED = r"(?m)[:：][ \t*_]*$"
_IN_A_LINE = r"(?:^|\s)\(?\d{1,2}[.)]\s*[^\d\s]"
_STARTS_NUMBERED = r"^\(?1[.)]\s*\D"
# A word or a few, and a comma: what has more in it is a sentence.
_COMMA_LIST = r"^[^\n,，、:：;.!?()（）。\[\]]{1,40}(?:[,，、][^\n,，、:：;.!?()（）。\[\]]{1,40})+[.。]?$"
_COMMA, _JOINED = r"[,，、]", r"\s(?:and|or|&)\s|[和与或]"
_SENTENCE_WORD = (
    r"(?i)\b(?:is|are|was|were|has|have|can|such as|including|includes?|that|which|like|both|all)\b"
    r"|包括|例如|是|有|以及|应|可|\p{Han}{11}"
)
_SHORT_LINES = r"^(?:[^\n]{1,80}\n)+[^\n]{1,80}$"


def items(text: pl.Expr) -> Range:
    """Items of a list; null where the text is none that can be counted for certain. Reads derived columns of it.

    Numbered lines, else lines with a bullet, else numbers within one line, else short lines, else what commas part.
    """
    plain = derived("t_list", text.str.strip_chars())
    lines = derived("t_list_lines", where(has_literal(plain, "\n"), plain))
    numbered, bullets = derived("d_numbered", _count(lines, _NUMBERED)), derived("d_bulleted", _count(lines, _BULLET))
    # Under several headings, or with a second 1, there are lists within a list.
    marked = where((numbered > 1) | (bullets > 1), lines)
    one_list = (_count(marked, _HEADED) <= 1) & (_count(marked, _FIRST) <= 1)
    marks = pl.when(one_list & (numbered > 1)).then(numbered).when(one_list & (numbered == 0)).then(bullets)
    by_marks = derived("d_marked", marks)
    bare = where(~((numbered > 0) | (bullets > 1)), lines)
    short = _count(where(has(bare, _SHORT_LINES) & ~has(bare, _LABELLED), bare), _LINE)
    one_line = derived("t_one_line", where(~has_literal(plain, "\n"), plain))
    listed = where(has(one_line, _COMMA_LIST) & ~has(one_line, _SENTENCE_WORD), one_line)
    low = pl.coalesce(
        by_marks,
        short,
        _count(where(has(one_line, _STARTS_NUMBERED), one_line), _IN_A_LINE),
        _count(listed, _COMMA) + 1,
    )
    joined = _count(listed, _JOINED).fill_null(0)
    return Range(derived("d_items_low", low), derived("d_items_high", low + joined))


def _count(text: pl.Expr, pattern: str) -> pl.Expr:
    return text.str.count_matches(pattern).cast(pl.Int64)
