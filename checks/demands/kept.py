"""What requests demand beside amounts, each as a column: kept (true), broken (false), or not demanded (null).

A cheap look at the request decides which rows a reader in Python sees.
"""

import polars as pl

from checks._text import answer, derived, has, has_literal, where
from checks.demands import edges, marks, style, terms
from checks.demands.asked import judged
from checks.demands.choices import MAX_CHOICE_CHARACTERS, inside_options
from checks.demands.request import REQUEST, TURN

_NAMED = ("word", "phrase", "term")
_SAYING = derived("t_saying", where(has_literal(REQUEST, *_NAMED, ignore_case=True), REQUEST))
_USING = where(has(_SAYING, terms.USES_TERMS), _SAYING)
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


REQUIRED = judged("d_required", _USING, terms.required_words)
FORBIDDEN = judged("d_forbidden", _DENYING, terms.forbidden_words)
FREQUENCY = judged("d_frequency", _REPEATING, terms.term_frequency)
STARTS = judged("d_starts", _PLACED, edges.start_with)
ENDS = judged("d_ends", _PLACED, edges.end_with)
CASE = judged("d_case", _formal("capital", "case", "caps"), style.letter_case)
COMMAS = judged("d_commas", _formal("comma"), style.no_commas)
QUOTED = judged("d_quoted", _formal("quot"), style.quoted)
TITLE = judged("d_title", _formal("<<", "bracket"), marks.title_in_brackets)
BULLETS = judged("d_bullets", _formal("bullet"), marks.bullet_points)
HIGHLIGHTS = judged("d_highlights", _formal("highlight", "italic"), marks.highlights)
SECTIONS = judged("d_sections_marked", _formal("section", "paragraph", "chapter"), marks.sections)
POSTSCRIPT = judged("d_postscript", _formal("postscript", "p.s", "p.p.s"), marks.postscript)
PLACEHOLDERS = judged("d_placeholders", _formal("placeholder"), marks.placeholders)
TWO = judged("d_two", _formal("asterisk", "***"), marks.two_responses)
DIVIDED = judged("d_divided", _formal("***"), marks.divided_parts)
REPEATED = judged("d_repeated", _formal("repeat"), marks.repeats_prompt)
_BRIEF = answer().str.len_bytes().is_between(1, 4 * MAX_CHOICE_CHARACTERS)
_ASKING = derived("t_choosing", where(_BRIEF, TURN))
_LETTERED = r"\s\(?[Bb][).][ \t]*\S"
_QUOTED_WAYS = r"[\"'”’][.,]? ?(?:,|or|and|/) ?[\"'“”‘]"
_TWO_WAYS = r"(?i)\b(?:yes|true)\W{1,4}(?:or )?\W?(?:no|false)\b"
_IN_LINES = r"(?i)\b(?:options|choices|from|phrases|answers|responses)[:.]?[ \t]*\n"
_CHOOSES = pl.any_horizontal(has(_ASKING, pattern) for pattern in (_LETTERED, _TWO_WAYS, _QUOTED_WAYS, _IN_LINES))
_CHOOSING = derived("t_choices", where(_CHOOSES, _ASKING))
INSIDE = judged("d_inside", _CHOOSING, inside_options)
