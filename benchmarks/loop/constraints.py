"""The rules of checks/constraints.py, row by row; None where a rule does not apply"""

from collections.abc import Callable

from benchmarks.loop.row import Row, compiled, is_code
from checks.demands import bounds, counts, edges, lists, marks, request, style, terms
from checks.demands.bounds import CHARACTERS, PARAGRAPHS, SENTENCES, WORDS, Bound, Unit
from checks.demands.choices import MAX_CHOICE_CHARACTERS, inside_options

_EXERCISE, _UNCLEAR = compiled(request.EXERCISE), compiled(lists.UNCLEAR_ITEMS)
_MENTIONS = {unit: compiled(bounds.mention(unit)) for unit in (WORDS, CHARACTERS, SENTENCES, PARAGRAPHS)}
_UNSPACED = compiled(f"{counts.UNSPACED}{{2}}")
_MARKER, _QUOTED, _SHORTENED = compiled(counts._MARKER), compiled(counts._QUOTED), compiled(counts._SHORTENED)
_COUNTED = {
    name: compiled(getattr(counts, name))
    for name in ("_SPACED_WORD", "_PARTED_WORD", "_SURE_END", "_ANY_END", "_OPEN_LINE", "_PROSE_BLOCK", "_LINE")
} | {
    name: compiled(getattr(counts, name))
    for name in (
        "_NUMBERED",
        "_BULLET",
        "_HEADED",
        "_FIRST",
        "_LABELLED",
        "_IN_A_LINE",
        "_STARTS_NUMBERED",
        "_COMMA_LIST",
    )
}
_SENTENCE_WORD, _SHORT_LINES = compiled(counts._SENTENCE_WORD), compiled(counts._SHORT_LINES)
_COMMA, _JOINED = compiled(counts._COMMA), compiled(counts._JOINED)


def _turn(row: Row) -> str | None:
    """What the user says last, or None where it is not the user's turn."""
    turns = row.turns()
    place = -1 if row.kind == "preference" else -2
    if len(turns) < -place or turns[place]["role"] != "user":
        return None
    said: str | None = turns[place]["content"]
    return said


def _asked(row: Row) -> str | None:
    """The request, or None where nothing is asked or answered that could be judged."""
    turn = _turn(row)
    if turn is None or not row.answer:
        return None
    asked = turn.removesuffix(row.context).strip()
    is_long = len(asked.encode()) > request.MAX_REQUEST_BYTES
    return None if is_long or ("\n" in asked and _EXERCISE.search(asked)) else asked


def _stated(row: Row, unit: Unit) -> Bound | None:
    asked = _asked(row)
    if asked is None or len(_MENTIONS[unit].findall(asked)) != 1 or is_code(row.answer) or "```" in row.answer:
        return None
    return bounds.bound(asked, unit)


def _keeps(bound: Bound, low: int, high: int) -> bool:
    return low <= bound.most and high >= bound.least


def _count(name: str, text: str) -> int:
    return sum(1 for _ in _COUNTED[name].finditer(text))


def item_count(row: Row) -> bool | None:
    asked = _asked(row)
    if asked is None or "```" in row.answer or _UNCLEAR.search(asked):
        return None
    bound = lists.items(asked)
    if bound is None:
        return None
    text = row.answer.strip()
    if "\n" in text:
        low = _lines(text)
        return None if low is None else _keeps(bound, low, low)
    if _COUNTED["_STARTS_NUMBERED"].search(text):
        low = _count("_IN_A_LINE", text)
        return _keeps(bound, low, low + _joined(text))
    if not _COUNTED["_COMMA_LIST"].search(text) or _SENTENCE_WORD.search(text):
        return None
    low = len(_COMMA.findall(text)) + 1
    return _keeps(bound, low, low + _joined(text))


def _joined(text: str) -> int:
    is_list = _COUNTED["_COMMA_LIST"].search(text) and not _SENTENCE_WORD.search(text)
    return len(_JOINED.findall(text)) if is_list else 0


def _lines(text: str) -> int | None:
    numbered, bullets = _count("_NUMBERED", text), _count("_BULLET", text)
    if numbered > 1 or bullets > 1:
        one_list = _count("_HEADED", text) <= 1 and _count("_FIRST", text) <= 1
        if one_list and (numbered > 1 or numbered == 0):
            return numbered or bullets
    if numbered > 0 or bullets > 1 or not _SHORT_LINES.search(text) or _COUNTED["_LABELLED"].search(text):
        return None
    return _count("_LINE", text)


def _word_count(row: Row, *, is_size: bool) -> bool | None:
    bound = _stated(row, WORDS)
    if bound is None or bound.is_size != is_size or _UNSPACED.search(row.answer):
        return None
    return _keeps(bound, _count("_SPACED_WORD", row.answer), _count("_PARTED_WORD", row.answer))


def word_limit(row: Row) -> bool | None:
    return _word_count(row, is_size=False)


def word_target(row: Row) -> bool | None:
    return _word_count(row, is_size=True)


def character_limit(row: Row) -> bool | None:
    bound = _stated(row, CHARACTERS)
    length = len(row.answer.strip())
    return None if bound is None else _keeps(bound, length, length)


def sentence_count(row: Row) -> bool | None:
    bound = _stated(row, SENTENCES)
    if bound is None:
        return None
    plain = _MARKER.sub("", row.answer.strip())
    low = max(1, _count("_SURE_END", _SHORTENED.sub("x", _QUOTED.sub("x.", plain))))
    return _keeps(bound, low, max(low, _count("_ANY_END", plain) + _count("_OPEN_LINE", plain)))


def paragraph_count(row: Row) -> bool | None:
    asked = _asked(row)
    divided = None if asked is None else marks.divided_parts(asked, row.context, row.answer)
    bound = _stated(row, PARAGRAPHS) if divided is None else None
    if bound is None:
        return divided
    plain = row.answer.strip()
    low = max(1, _count("_PROSE_BLOCK", plain))
    return _keeps(bound, low, max(low, _count("_LINE", plain)))


def _judged(judge: Callable[[str, str, str], bool | None]) -> Callable[[Row], bool | None]:
    def rule(row: Row) -> bool | None:
        asked = _asked(row)
        return None if asked is None else judge(asked, row.context, row.answer)

    rule.__name__ = judge.__name__
    return rule


def choice_outside_options(row: Row) -> bool | None:
    turn = _turn(row)
    if turn is None or not row.answer or len(row.answer.encode()) > 4 * MAX_CHOICE_CHARACTERS:
        return None
    return inside_options(turn, row.context, row.answer)


RULES = (
    *(item_count, word_limit, word_target, character_limit, sentence_count, paragraph_count),
    *map(
        _judged,
        (terms.required_words, terms.forbidden_words, terms.term_frequency, edges.start_with, edges.end_with),
    ),
    *map(_judged, (style.letter_case, style.no_commas, style.quoted, marks.title_in_brackets, marks.bullet_points)),
    *map(_judged, (marks.highlights, marks.sections, marks.postscript, marks.placeholders, marks.two_responses)),
    *(_judged(marks.repeats_prompt), choice_outside_options),
)
