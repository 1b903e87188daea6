"""Length and repetition: an answer that says something, once, and fits the context window."""

import polars as pl

from checks._examples import LONG, asks, says
from checks._text import answer, derived, has, is_code, prompt, where
from checks.registry import Severity, check

# Gopher (Rae et al. 2021, arXiv:2112.11446, table A1) removes a page with 15 % of its characters in
# repeated 5-grams. An answer is shorter than a page, and lists and poems repeat on purpose: the share
# at which reading Alpaca and Dolly found runaway generation and little else is far above.
MAX_REPEATED_SHARE = 0.5
REPEATED_NGRAM = 5
# Fewer characters than this cannot run away; refrains and drills of this length are common.
MIN_CHARACTERS_TO_REPEAT = 200
# Where half of the phrases repeat, one of these probes into the text does too: a cheap first look.
PROBES = 6
PROBE_CHARACTERS = 16
# An answer of one or two words is right for a label and thin for anything else.
SHORT_ANSWER_WORDS = 2
# Two words are never longer: only these are counted.
SHORT_ANSWER_BYTES = 80
# Greetings echo each other rightly; a sentence does not.
MIN_ECHO_CHARACTERS = 20
# The longest words and links of ordinary text stay below this; base64 and binary do not.
UNBROKEN_RUN = 400

# What asks for sentences. Commands that a word can answer ("name", "classify", "give") are left out.
_ASKS_FOR_TEXT = (
    r"(?i)\b(?:write|compose|explain|describe|discuss|elaborate|summari[sz]e|essay|story|paragraph|article|letter)\b"
)
# Of scripts without spaces between words each sign counts as one.
_SIGN = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER = r"\p{L}\p{N}\p{M}'_"
_WORD = rf"[{_SIGN}]|[{_LETTER}]+"
# From the beginning to the first letter of a second _WORD; a regex that is tied to the beginning reads no further.
_SECOND_WORD = (
    rf"^[^{_SIGN}{_LETTER}]*(?:[{_SIGN}][^{_SIGN}{_LETTER}]*[{_SIGN}{_LETTER}]"
    rf"|[{_LETTER}--[{_SIGN}]][{_LETTER}]*(?:[{_SIGN}--[{_LETTER}]]|[^{_SIGN}{_LETTER}]+[{_SIGN}{_LETTER}]))"
)


def _words(text: pl.Expr) -> pl.Expr:
    """Words in lower case; each sign of a script without spaces is one. Symbols and spaces are none."""
    return text.str.to_lowercase().str.extract_all(_WORD)


def _repeated_share(words: pl.Expr) -> pl.Expr:
    """Share of the word 5-grams that repeat an earlier one, in [0, 1]; 1 where there are fewer than five words."""
    parts = [pl.element()] + [pl.element().shift(-step) for step in range(1, REPEATED_NGRAM)]
    grams = words.list.eval(pl.concat_str(parts, separator=" ").drop_nulls())
    return (1 - grams.list.n_unique() / grams.list.len()).fill_nan(1.0)


@check(Severity.NOTE, fails=asks("hello"), but_not=asks("Who swims?"))
def short_prompt() -> pl.Expr:
    """The prompt has more than one word."""
    return has(prompt().str.head(200), _SECOND_WORD)


@check(Severity.NOTE, fails=asks("Write a story about a river.", "A river."), but_not=asks("Is a river wet?", "Yes"))
def short_completion() -> pl.Expr:
    """A prompt that asks for a text gets more than two words."""
    text = where((answer() != "") & (answer().str.len_bytes() < SHORT_ANSWER_BYTES), answer())
    short = (text.str.count_matches(_WORD) <= SHORT_ANSWER_WORDS).fill_null(False)
    return ~(short & has(where(short, prompt()), _ASKS_FOR_TEXT))


@check(Severity.NOTE, fails=says("word " * 60), but_not=says("Short."))
def over_max_tokens() -> pl.Expr:
    """The record fits the longest sequence that is trained on; a trainer cuts off the rest."""
    return (pl.col("n_tokens") <= pl.col("limit_tokens")).fill_null(False)


def _probe_recurs(text: pl.Expr) -> pl.Expr:
    """Whether one of a few short pieces, taken evenly up to the very end, stands in the text three times."""
    room = text.str.len_chars() - PROBE_CHARACTERS
    pieces = [text.str.slice(room * step // PROBES, PROBE_CHARACTERS) for step in range(1, PROBES + 1)]
    return pl.any_horizontal(text.str.count_matches(piece, literal=True) > 2 for piece in pieces)


_LONG = derived("t_long", where(answer().str.len_chars() >= MIN_CHARACTERS_TO_REPEAT, answer()))
_RECURRING = derived("t_recurring", where(_probe_recurs(_LONG).fill_null(False), _LONG))
# Tables and boilerplate in markup repeat themselves by right.
_SUSPECTED = derived("t_suspected", where(~is_code(_RECURRING), _RECURRING))
_SAID = derived("t_said", _words(_SUSPECTED))


# A word that is new begins an n-gram that is new, but for the last four. Where more than half of the n-grams repeat,
# the different words are fewer than half of all and two. Fewer than five words in a text this long, with pieces that
# recur, are one stuck key.
_FEW_WORDS = (_SAID.list.n_unique() * 2 < _SAID.list.len() + REPEATED_NGRAM - 1) | (_SAID.list.len() < REPEATED_NGRAM)


@check(Severity.REVIEW, fails=says("I like the river very much. " * 20), but_not=says(LONG * 2))
def repeats_itself() -> pl.Expr:
    """The completion does not say the same phrases over and over.

    A long answer of fewer than five words in which a piece recurs is one phrase, a stuck key: it fails.
    """
    # n-grams are made list by list, which costs time on an empty one too: the few rows are taken out, and found again.
    row = pl.int_range(pl.len())
    repeating = (_repeated_share(_SAID.filter(_FEW_WORDS)) > MAX_REPEATED_SHARE).fill_null(False)
    return ~row.is_in(row.filter(_FEW_WORDS).filter(repeating).implode())


@check(Severity.NOTE, fails=says("data:" + "QUJD" * 120), but_not=says("The word is antidisestablishmentarianism."))
def unbroken_run() -> pl.Expr:
    """The record has no run of hundreds of letters and digits: base64, binary or a stuck key."""
    run = rf"[A-Za-z0-9+/=]{{{UNBROKEN_RUN}}}"
    texts = [where(text.str.len_bytes() >= UNBROKEN_RUN, text) for text in (prompt(), answer())]
    return ~has(texts[0], run) & ~has(texts[1], run)


@check(
    Severity.DROP,
    fails=asks("What is a river, in short?", "What is a river, in short? "),
    but_not=asks("Hello!", "Hello!"),
)
def echoes_prompt() -> pl.Expr:
    """The completion is not the prompt over again."""
    said = answer().str.strip_chars()
    return (said.str.len_chars() < MIN_ECHO_CHARACTERS) | (said != prompt().str.strip_chars())


@check(
    Severity.NOTE,
    fails=says("the hills are green and river is long", context="the hills are green and river is long"),
    but_not=says("The hills are green, and the river is long.", context="the hills are green and river is long"),
)
def echoes_context() -> pl.Expr:
    """The completion is not the given input over again."""
    said = answer().str.strip_chars()
    given = pl.col("context").fill_null("").str.strip_chars()
    return (said.str.len_chars() < MIN_ECHO_CHARACTERS) | (said != given)
