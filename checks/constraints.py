"""Constraints: an answer keeps the demands that its prompt states and that can be counted or looked up.

Each check is about the prompts that state exactly one such demand, readable without doubt; to all others it does not
apply. Demands are read from the request alone: the last turn of the user, without the document given beside it.
"""

import polars as pl

from checks import _edges, _marks, _style, _terms
from checks._asked import filled, judged
from checks._choices import MAX_CHOICE_CHARACTERS, inside_options
from checks._counts import UNSPACED, Range, items, paragraphs, sentences, words
from checks._limits import (
    CHARACTER_BOUND,
    ITEM_BOUND,
    PARAGRAPH_BOUND,
    SENTENCE_BOUND,
    WORD_BOUND,
    is_size,
    is_stated,
    keeps,
)
from checks._request import REQUEST, TURN
from checks._text import answer, derived, has, has_literal, is_code, where
from checks._tongues import LANGUAGES, SAME, language_wanted
from checks.registry import Severity, check

# A longer answer that quotes is written in the language it is measured to be in.
MAX_CITATION_BYTES = 200


def _prose(bounds: pl.Expr, among: pl.Expr | None = None) -> pl.Expr:
    """The answer where a bound is stated, and it is prose; else null. Code has no words, sentences or paragraphs."""
    told = where(is_stated(bounds) if among is None else is_stated(bounds) & among, answer())
    return where(~is_code(told) & ~has_literal(told, "```"), told)


_SPACED = derived("t_spaced", _prose(WORD_BOUND))
_COUNTED = where(~has(_SPACED, f"{UNSPACED}{{2}}"), _SPACED)
_WORDS = words(derived("t_counted", _COUNTED))
_ITEMS = items(_prose(ITEM_BOUND))
_SENTENCES = derived("t_sentences", _prose(SENTENCE_BOUND))
_PARAGRAPHS = derived("t_paragraphs", _prose(PARAGRAPH_BOUND))
_CHARACTERS = derived("t_characters", _prose(CHARACTER_BOUND))


@check(Severity.NOTE, applies=is_stated(ITEM_BOUND) & _ITEMS.low.is_not_null())
def item_count() -> pl.Expr:
    """Where the prompt asks for a number of things ("list five", "three reasons"), the answer's list has as many."""
    return keeps(ITEM_BOUND, _ITEMS)


@check(Severity.NOTE, applies=is_stated(WORD_BOUND) & ~is_size(WORD_BOUND) & _WORDS.low.is_not_null())
def word_limit() -> pl.Expr:
    """The answer keeps the prompt's limit of words: at most, at least, between, exactly, or a bare small number."""
    return keeps(WORD_BOUND, _WORDS)


@check(Severity.NOTE, applies=is_size(WORD_BOUND) & _WORDS.low.is_not_null())
def word_target() -> pl.Expr:
    """The answer has as many words as the prompt names ("a 200-word essay", "about 50 words"), give or take a tenth."""
    return keeps(WORD_BOUND, _WORDS)


@check(Severity.NOTE, applies=_CHARACTERS.is_not_null())
def character_limit() -> pl.Expr:
    """The answer keeps the limit of characters that the prompt sets, as for a tweet."""
    length = _CHARACTERS.str.strip_chars().str.len_chars().cast(pl.Int64)
    return keeps(CHARACTER_BOUND, Range(length, length))


@check(Severity.NOTE, applies=_SENTENCES.is_not_null())
def sentence_count() -> pl.Expr:
    """The answer has as many sentences as the prompt says."""
    return keeps(SENTENCE_BOUND, sentences(_SENTENCES))


_NAMED = ("word", "phrase", "term")
_SAYING = derived("t_saying", where(has_literal(REQUEST, *_NAMED, ignore_case=True), REQUEST))
_USING = where(has(_SAYING, _terms.USES_TERMS), _SAYING)
_DENIALS = (" not ", "n't ", "n’t ", "without ", "avoid", "refrain", "never ")
_DENIED = derived("t_denied", where(has_literal(REQUEST, *_DENIALS, ignore_case=True), REQUEST))
_DENYING = where(has_literal(_DENIED, *_NAMED, "letter", '"', "'", "“", "‘", ignore_case=True), _DENIED)
_REPEATING = where(has_literal(REQUEST, " times", " once", " twice", ignore_case=True), REQUEST)
_ENDS_NAMED = ("start", "begin", "open", "end", "finish", "conclu", "close", "paragraph")
_PLACING = where(has_literal(REQUEST, " with ", " should ", " must "), REQUEST)
_PLACED = derived("t_placed", where(has_literal(_PLACING, *_ENDS_NAMED, ignore_case=True), _PLACING))
_FORM_HINTS = (
    *("capital", "case", "caps", "comma", "quot", "<<", "bracket", "bullet", "highlight", "italic"),
    *("section", "paragraph", "chapter"),
    *("postscript", "P.S", "P.P.S", "placeholder", "asterisk", "***", "repeat"),
)
_FORMAL = derived("t_formal", where(has_literal(REQUEST, *_FORM_HINTS, ignore_case=True), REQUEST))


def _formal(*hints: str) -> pl.Expr:
    return where(has_literal(_FORMAL, *hints, ignore_case=True), _FORMAL)


_REQUIRED = judged("d_required", _USING, _terms.required_words)
_FORBIDDEN = judged("d_forbidden", _DENYING, _terms.forbidden_words)
_FREQUENCY = judged("d_frequency", _REPEATING, _terms.term_frequency)
_STARTS = judged("d_starts", _PLACED, _edges.start_with)
_ENDS = judged("d_ends", _PLACED, _edges.end_with)
_CASE = judged("d_case", _formal("capital", "case", "caps"), _style.letter_case)
_COMMAS = judged("d_commas", _formal("comma"), _style.no_commas)
_QUOTED = judged("d_quoted", _formal("quot"), _style.quoted)
_TITLE = judged("d_title", _formal("<<", "bracket"), _marks.title_in_brackets)
_BULLETS = judged("d_bullets", _formal("bullet"), _marks.bullet_points)
_HIGHLIGHTS = judged("d_highlights", _formal("highlight", "italic"), _marks.highlights)
_SECTIONS = judged("d_sections_marked", _formal("section", "paragraph", "chapter"), _marks.sections)
_POSTSCRIPT = judged("d_postscript", _formal("postscript", "p.s", "p.p.s"), _marks.postscript)
_PLACEHOLDERS = judged("d_placeholders", _formal("placeholder"), _marks.placeholders)
_TWO = judged("d_two", _formal("asterisk", "***"), _marks.two_responses)
_DIVIDED = judged("d_divided", _formal("***"), _marks.divided_parts)
_REPEATED = judged("d_repeated", _formal("repeat"), _marks.repeats_prompt)


@check(Severity.NOTE, applies=_DIVIDED.is_not_null() | _PARAGRAPHS.is_not_null())
def paragraph_count() -> pl.Expr:
    """The answer has as many paragraphs as the prompt says, or as many parts with *** between them."""
    return pl.coalesce(_DIVIDED, keeps(PARAGRAPH_BOUND, paragraphs(_PARAGRAPHS)))


@check(Severity.NOTE, applies=_REQUIRED.is_not_null())
def required_words() -> pl.Expr:
    """Every word that the prompt says to use stands in the answer, in some form."""
    return _REQUIRED


@check(Severity.REVIEW, applies=_FORBIDDEN.is_not_null())
def forbidden_words() -> pl.Expr:
    """No word that the prompt says not to use stands in the answer."""
    return _FORBIDDEN


@check(Severity.NOTE, applies=_FREQUENCY.is_not_null())
def term_frequency() -> pl.Expr:
    """The word or letter that the prompt counts ("at least 3 times") occurs as often in the answer."""
    return _FREQUENCY


@check(Severity.NOTE, applies=_STARTS.is_not_null())
def start_with() -> pl.Expr:
    """The answer, or the paragraph that the prompt names, begins with the words that the prompt says."""
    return _STARTS


@check(Severity.NOTE, applies=_ENDS.is_not_null())
def end_with() -> pl.Expr:
    """The answer ends with the words that the prompt says."""
    return _ENDS


@check(Severity.REVIEW, applies=_CASE.is_not_null())
def letter_case() -> pl.Expr:
    """The answer is in capitals or in small letters where the prompt says so, or has as many words in capitals."""
    return _CASE


@check(Severity.REVIEW, applies=_COMMAS.is_not_null())
def no_commas() -> pl.Expr:
    """The answer has no comma where the prompt forbids them."""
    return _COMMAS


@check(Severity.NOTE, applies=_QUOTED.is_not_null())
def quoted() -> pl.Expr:
    """The whole answer stands in quotation marks where the prompt says so."""
    return _QUOTED


@check(Severity.NOTE, applies=_TITLE.is_not_null())
def title_in_brackets() -> pl.Expr:
    """The answer has a <<title>> where the prompt demands one."""
    return _TITLE


@check(Severity.NOTE, applies=_BULLETS.is_not_null())
def bullet_points() -> pl.Expr:
    """The answer has as many bullet points as the prompt says."""
    return _BULLETS


@check(Severity.NOTE, applies=_HIGHLIGHTS.is_not_null())
def highlights() -> pl.Expr:
    """As many parts of the answer are *highlighted* as the prompt says."""
    return _HIGHLIGHTS


@check(Severity.NOTE, applies=_SECTIONS.is_not_null())
def sections() -> pl.Expr:
    """The answer has as many marked sections ("Section 1") as the prompt says."""
    return _SECTIONS


@check(Severity.NOTE, applies=_POSTSCRIPT.is_not_null())
def postscript() -> pl.Expr:
    """The answer has a postscript where the prompt demands one."""
    return _POSTSCRIPT


@check(Severity.NOTE, applies=_PLACEHOLDERS.is_not_null())
def placeholders() -> pl.Expr:
    """The answer has as many [placeholders] in brackets as the prompt says."""
    return _PLACEHOLDERS


@check(Severity.NOTE, applies=_TWO.is_not_null())
def two_responses() -> pl.Expr:
    """The answer is two different ones with ****** between them where the prompt says so."""
    return _TWO


@check(Severity.NOTE, applies=_REPEATED.is_not_null())
def repeats_prompt() -> pl.Expr:
    """The answer begins by repeating the request where the prompt says so."""
    return _REPEATED


_BRIEF = answer().str.len_bytes().is_between(1, 4 * MAX_CHOICE_CHARACTERS)
_ASKING = derived("t_choosing", where(_BRIEF, TURN))
_LETTERED = r"\s\(?[Bb][).][ \t]*\S"
_QUOTED_WAYS = r"[\"'”’][.,]? ?(?:,|or|and|/) ?[\"'“”‘]"
_TWO_WAYS = r"(?i)\b(?:yes|true)\W{1,4}(?:or )?\W?(?:no|false)\b"
_IN_LINES = r"(?i)\b(?:options|choices|from|phrases|answers|responses)[:.]?[ \t]*\n"
_CHOOSES = pl.any_horizontal(has(_ASKING, pattern) for pattern in (_LETTERED, _TWO_WAYS, _QUOTED_WAYS, _IN_LINES))
_CHOOSING = derived("t_choices", where(_CHOOSES, _ASKING))
_INSIDE = judged("d_inside", _CHOOSING, inside_options)


@check(Severity.NOTE, applies=_INSIDE.is_not_null())
def choice_outside_options() -> pl.Expr:
    """The answer is one of those that the prompt gives to choose from: a letter or text of its options, yes or no."""
    return _INSIDE


def _codes(requests: pl.Series) -> pl.Series:
    rows = requests.is_not_null().arg_true()
    return filled(
        requests.len(), rows, pl.Series([language_wanted(one) for one in requests.gather(rows)], dtype=pl.String)
    )


_IN_LANGUAGE = where(has_literal(REQUEST, *LANGUAGES), REQUEST)
_WANTED_LANGUAGE = derived("d_language", _IN_LANGUAGE.map_batches(_codes, return_dtype=pl.String))
_SPOKEN = pl.col("completion_language").replace(SAME)
# 'The Spanish word for "tea" is "té".': a sentence in one language about a word of another.
_CITES = r"[\"“‘«][^\"”’»\n]+[\"”’»]|(?:^|\s)'[^'\n]+'"
_CITING = has(where(_WANTED_LANGUAGE.is_not_null() & (answer().str.len_bytes() < MAX_CITATION_BYTES), answer()), _CITES)


@check(Severity.NOTE, applies=_WANTED_LANGUAGE.is_not_null() & pl.col("completion_language").is_not_null() & ~_CITING)
def language_asked() -> pl.Expr:
    """The answer is in the language that the prompt asks for, as far as it is long enough to tell."""
    return _SPOKEN == _WANTED_LANGUAGE
