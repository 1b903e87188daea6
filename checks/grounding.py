"""Grounding: a prompt holds what its answer needs, needs nothing that a model cannot have, and sums come out right."""

import polars as pl

from checks._arithmetic import wrong_equations
from checks._examples import asks, asks_of, says
from checks._text import answer, derived, has, has_literal, prompt, where
from checks.registry import Severity, check

# A request that brings nothing along is short, and of one line.
MAX_BARE_BYTES = 200
# Beside so little input ("Amazon", "Brooklyn, NY") the answer still has to come from elsewhere.
MAX_INPUT_BYTES = 60

_THING = (
    r"(?:article|passage|paragraph|poem|photo(?:graph)?|image|picture|painting|drawing|video|clip|recording|lyrics"
    r"|document|e-?mail|letter|report|essay|review|transcript|speech|chart|graph|diagram|screenshot|spreadsheet|website"
    r"|web ?page|blog post|tweet|conversation|dialogue|quotation|excerpt|scene)s?\b"
)
# Things that stand in a prompt more often than not, so that only the end of the prompt says that they are missing.
_PIECE = (
    r"(?:text|sentence|story|list|table|data|code|numbers|words|questions?|statement|information|dataset|equation|problem"
    r"|phrase|string|array|content|sounds?|drawing|output|pattern|example|instructions?)s?\b"
)
# "Given an article", "the following photo", "the chart below", "summarize the article".
_SPEAKS_OF = (
    rf"(?i)\b(?:following|given|attached|provided|accompanying|enclosed|above) (?:\w+ ){{0,2}}?{_THING}"
    rf"|^\W*given an? (?:\w+ ){{0,2}}?{_THING}|\b{_THING} (?:above|below|attached|provided|given|shown)\b"
    rf"|^\W*(?:summari[sz]e|proofread|paraphrase|rephrase|translate|caption) (?:this|the) (?:\w+ ){{0,2}}?{_THING}"
    rf"|\b(?:the|that|from|listed|mentioned|described|shown|stated) above(?: {_PIECE})?\W*$|\babove {_PIECE}"
    rf"|{_PIECE} above\b|\b(?:the|these|this) (?:following|given|provided|below) (?:\w+ ){{0,2}}?{_PIECE}\W*$"
)
# What follows a colon or stands in quotes is there or well known; what a program is to be written for is not missing.
_BRINGS_IT = (
    r"(?i):\s*\S|(?:^|\s)[\"'`“‘]+\w"
    r"|\b(?:function|algorithm|program|code|script|query|class|classifier|method|model|how|would|should)\b"
)
_THINGS_TOLD = ("following", "given", "attached", "provided", "accompanying", "enclosed", "above", "below", "shown")
_THINGS_DONE = ("summari", "proofread", "paraphrase", "rephrase", "translate", "caption")

_PLACE = (
    r"(?:restaurant|hotel|store|shop|hospital|pharmacy|station|airport|bank|cafe|coffee shop|gym|park|cinema"
    r"|supermarket)s?\b"
)
_NOW = r"(?:today|tomorrow|tonight|this (?:week|weekend|morning|afternoon|evening)|right now|next week|outside)\b"
_LIVE = (
    rf"(?i)\b(?:weather|temperature|forecast)\b[^.?!\n]{{0,60}}\b{_NOW}|\b{_NOW}[^.?!\n]{{0,40}}\b(?:weather|forecast)\b"
    r"|\bcurrent (?:\w+ ){0,2}(?:weather|temperature|stock|price|exchange rate|market (?:situation|price|conditions))"
    r"|\b(?:latest|today['’]s|breaking|up-to-date|recent) (?:\w+ ){0,2}(?:news|headlines|statistics|data|stock prices?"
    r"|prices|exchange rates?|scores)\b"
    rf"|\b(?:nearest|closest|nearby) (?:\w+ )?{_PLACE}|\bbest (?:\w+ )?{_PLACE} (?:in|near) |\bnear (?:me|my|here)\b"
    r"|\bwhat (?:time|day) is it\b|\bwhat(?: is|['’]s) (?:today['’]s date|the (?:time|date) (?:now|today|right now))"
    r"|\b(?:search|browse|surf) (?:on )?(?:the (?:web|internet)|online|google)\b"
)
_LIVE_HINTS = (
    *("weather", "temperature", "forecast", "current", "latest", "today", "breaking", "up-to-date", "recent", "near"),
    *("closest", "best", "time is it", "day is it", "the time", "the date", "search", "browse", "surf"),
)
# What is written about the weather needs no forecast.
_WRITES = (
    r"(?i)\b(?:write|compose|re-?write|rewrite|edit|create|generate (?:a|an|some) (?:question|sentence|story|poem)"
    r"|classif|translate|convert|sentence|paragraph|story|poem|dialogue|describe how|explain how)"
)

_INPUT_BYTES = pl.col("context").fill_null("").str.len_bytes()
_IS_BARE = (_INPUT_BYTES == 0) & (prompt().str.len_bytes() <= MAX_BARE_BYTES)
_BARE = derived("t_bare", where(_IS_BARE, prompt().str.strip_chars()))
_SPOKEN = derived("t_spoken", where(has_literal(_BARE, *_THINGS_TOLD, *_THINGS_DONE, ignore_case=True), _BARE))
_OPENING = derived("t_asking", prompt().str.head(MAX_BARE_BYTES).str.extract(r"^\s*([^\n]*)"))

# A question about what is given, which the answer is to be taken from; what is written anew needs words of its own.
_CLOSED = (
    r"(?i)\b(?:summar|extract|identif|find|according|based on|from the|what|who|whom|whose|when|where|which|how (?:many"
    r"|much|old|long|far)|list|name|answer|state|tell|give|provide|(?:did|does|is|was|were|are)\b)"
)
_WRITTEN_ANEW = (
    r"(?i)\b(?:re-?writ|rephras|paraphras|translat|convert|edit|correct|fix|classif|categor|sentiment|generat|creat|writ"
    r"|compos|continu|complet|suggest|recommend|predict|headline|title|caption|code|program|function|evaluat|analy|think"
    r"|explain|describ|why|improv|replac|synonym|imagin|story|poem|tone|mood|theme|genre|calculat|comput|solve|format"
    r"|rate|rating|add|count|solution|hypothes|opinion|produce)"
)
# Below this an input is a name or a sentence that a good answer may leave behind.
MIN_GIVEN_BYTES = 150
# Of fewer words nothing can be said.
MIN_WORDS_SAID = 6
# Fitted on half of Alpaca's and Dolly's closed questions beside the same with another's input, held against the
# other half: docs/quality.md.
MIN_SUPPORT = 0.1
# The first letters of words of four and more, so that endings do not matter; numbers; signs of scripts without spaces.
STEM = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[\p{L}\p{M}]{4,5}|\p{N}+"
ENDING = r"([\p{L}\p{M}]{5})[\p{L}\p{M}]+"
# Such beginnings of words that any English text has.
ANYWHERE = tuple(
    """
    that this with from have they their them were been which about when what where will would could shoul there these
    those also than then into some such more most other only very becau while after befor being does betwe over each
    many much both throu durin under same just like howev there inclu using used make made well your
    """.split()  # noqa: SIM905
)

_GIVEN_LONG = (pl.col("context").str.len_bytes() >= MIN_GIVEN_BYTES).fill_null(False)
_ASKED_OF_IT = derived("t_asked_of_it", where(_GIVEN_LONG, _OPENING))
_IS_CLOSED = derived("t_closed", has(_ASKED_OF_IT, _CLOSED) & ~has(_ASKED_OF_IT, _WRITTEN_ANEW))


def _stems(text: pl.Expr) -> pl.Expr:
    words = where(_IS_CLOSED, text).str.to_lowercase()
    return words.str.replace_all(ENDING, "$1").str.extract_all(STEM)


_STEMS_GIVEN = derived("t_stems_given", _stems(pl.col("context")))
_STEMS_SAID = derived(
    "t_stems_said",
    _stems(answer()).list.set_difference(pl.lit(list(ANYWHERE), dtype=pl.List(pl.String))),
)
_BRIDGE = "The old stone bridge over the river was built in 1341 by the monks of the abbey. " * 2


def support() -> pl.Expr:
    """The share of the answer's different words that the input has too, in [0, 1]; null where that is not asked."""
    return _STEMS_SAID.list.set_intersection(_STEMS_GIVEN).list.len() / _STEMS_SAID.list.len()


@check(
    Severity.NOTE,
    applies=_IS_CLOSED & (_STEMS_SAID.list.len() >= MIN_WORDS_SAID),
    fails=asks_of("When was the bridge built?", _BRIDGE, "Volcanoes erupt whenever magma rises quickly."),
    but_not=asks_of(
        "When was the bridge built?",
        _BRIDGE,
        "The stone bridge over the river was built by monks of the abbey in 1341.",
    ),
)
def ignores_input() -> pl.Expr:
    """An answer to a question about a given text has some of its words, names or numbers from there."""
    return support() >= MIN_SUPPORT


@check(
    Severity.NOTE,
    fails=asks("Describe the artist's style in the following painting."),
    but_not=asks("Describe a painting by Monet."),
)
def absent_text() -> pl.Expr:
    """The prompt brings along the text, picture or page that it speaks of."""
    one_line = where(~has_literal(_SPOKEN, "\n"), _SPOKEN)
    return ~(has(one_line, _SPEAKS_OF) & ~has(one_line, _BRINGS_IT))


@check(
    Severity.NOTE,
    fails=asks("Predict the weather in Lisbon for tomorrow."),
    but_not=asks("Write a story about the weather tomorrow."),
)
def needs_live_data() -> pl.Expr:
    """The prompt does not ask for what changes by the day or the place: weather, news, prices, what is nearby."""
    alone = where(_INPUT_BYTES <= MAX_INPUT_BYTES, _OPENING)
    asked = where(has_literal(alone, *_LIVE_HINTS, ignore_case=True), alone)
    return ~(has(asked, _LIVE) & ~has(asked, _WRITES))


# Two numbers with a sign between them, and what they are equal to; most rows have none.
_SUMS = r"\d[ \t]*(?:[-+*/×÷−–x])[ \t]*\$?\d[\d.,]*[ \t]*=[ \t]*-?\$?\d"
_COUNTING = derived("t_counting", where(has(where(has_literal(answer(), "="), answer()), _SUMS), answer()))


def _sums_hold(rows: pl.Series) -> pl.Series:
    passes = [True] * len(rows)
    counting = rows.struct.field("answer")
    prompts = rows.struct.field("prompt")
    for place in counting.is_not_null().arg_true():
        passes[place] = not wrong_equations(counting[place], prompts[place] or "")
    return pl.Series(passes, dtype=pl.Boolean)


@check(Severity.REVIEW, fails=says("Add them: 12 + 30 = 52."), but_not=says("Add them: 12 + 30 = 42."))
def wrong_arithmetic() -> pl.Expr:
    """Every equation of plain numbers in the answer holds, but for those that the prompt gives."""
    both = pl.struct(answer=_COUNTING, prompt=prompt())
    return both.map_batches(_sums_hold, return_dtype=pl.Boolean)
