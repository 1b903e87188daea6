"""Language: a record is in the languages that were asked for, and its text is undamaged.

`language`, `prompt_language` and `completion_language` are measured beforehand; null is undecided (too
short, code, or no clear winner), and undecided is never called foreign.
"""

import polars as pl

from checks._examples import asks, says
from checks._text import ODD_COMPLETION, ODD_PROMPT, answer, has, has_literal, is_code, is_wanted, prompt, where
from checks.registry import Severity, check

# Naming a language, or a task about languages, explains an answer in another one.
_ABOUT_LANGUAGES = (
    r"(?i)translat|transcri|transliterat|\blanguages?\b|\bmeans?\b"
    r"|\b(?:in|into|to|from|is|the|an?|using) (?:english|spanish|french|german|italian|portuguese|dutch|russian"
    r"|chinese|mandarin|cantonese|japanese|korean|arabic|hindi|latin|greek|turkish|polish|swedish|norwegian|danish"
    r"|finnish|hebrew|vietnamese|thai|indonesian|ukrainian|czech|hungarian|romanian|persian|urdu|bengali)\b"
    r"|\b(?:english|spanish|french|german|italian|chinese|japanese|latin) (?:word|phrase|sentence|version|song|poem"
    r"|dish|for)"
    r"|翻译|翻譯|英文|英语|中文|法语|西班牙语|德语|日语|語に|訳|traduc|traduz|übersetz|tradui|перевед"
)
# Lists of names and labels shorter than this are mistaken for other languages (read on Alpaca).
MIN_ANSWER_BYTES = 100
MIN_PROMPT_BYTES = 40
_STARTS_LIST = r"^\s*(?:[-*•]|1[.)])\s"
_REPLACEMENT = "\ufffd"


@check(
    Severity.DROP,
    fails=asks("Wo entspringt der längste Fluss des Landes?", "Er entspringt in den Bergen und mündet ins Meer."),
    but_not=says("The river rises in the hills and meets the sea."),
)
def foreign() -> pl.Expr:
    """Prompt or completion is in one of the allowed languages, where these are set and the text says which it is in."""
    allowed = pl.col("allowed_languages")
    sides = [pl.col("prompt_language"), pl.col("completion_language")]
    unset = allowed.is_null() | (allowed.list.len() == 0)
    decided = pl.any_horizontal(side.is_not_null() for side in sides)
    fits = pl.any_horizontal(allowed.list.contains(side).fill_null(False) & side.is_not_null() for side in sides)
    return (unset | ~decided | fits).fill_null(False)


@check(
    Severity.REVIEW,
    fails=asks("Please tell me where the river rises and where it ends.", "Der Fluss entspringt in den Bergen. " * 4),
    but_not=asks("Translate into German: the river rises in the hills and meets the sea.", "Der Fluss ist lang. " * 8),
)
def mixed() -> pl.Expr:
    """The completion is in the prompt's language, unless the prompt is about languages."""
    enough = (answer().str.len_bytes() >= MIN_ANSWER_BYTES) & (prompt().str.len_bytes() >= MIN_PROMPT_BYTES)
    differs = (pl.col("prompt_language") != pl.col("completion_language")).fill_null(False) & enough
    told = where(differs, answer())
    explained = has(where(differs, prompt()), _ABOUT_LANGUAGES) | has(told, _STARTS_LIST) | is_code(told)
    return ~differs | explained


@check(Severity.NOTE, fails=says("Caf\ufffd"), but_not=says("Café"))
def replacement_character() -> pl.Expr:
    """No U+FFFD: it stands for a letter that was lost in decoding."""
    return ~has_literal(ODD_PROMPT, _REPLACEMENT) & ~(is_wanted() & has_literal(ODD_COMPLETION, _REPLACEMENT))
