"""The rules of checks/formatting.py, row by row"""

from benchmarks.loop.row import Row, compiled, has_any
from checks import formatting as f

_MOJIBAKE = compiled(f.MOJIBAKE)
_CONTROL = compiled("[\x01-\x08\x0b\x0e-\x1f\x7f]")
_TAG, _ENTITY = compiled(f"(?i){f._TAG}"), compiled(f._ENTITY)
_NO_STOP = compiled(r"[\p{Ll},]\s*$")
_STOPS, _IS_MORE = compiled(f._STOPS_MID_SENTENCE), compiled(f._LAST_LINE_IS_MORE)
_IS_NO_END = compiled(f._IS_NO_END)
_NO_INPUT = compiled(f._wrapped(f"{f._NO_INPUT}|{f._NOTHING}|<none>"))
_NO_INPUT_IN_PROMPT = compiled(r"(?i)[<(\[`]\s*\\?no\s?input\b|\n\s*\W{0,3}no\s?input(?:\s+\w+)?\W{0,3}\s*$")
_NO_ANSWER = compiled(f._wrapped(f"{f._NO_OUTPUT}|{f._NO_INPUT}"))
_NOTHING_ANSWER = compiled(f._wrapped(f._NOTHING_ANSWER))
_EMBEDDED = compiled(f._EMBEDDED_MARKER)
_NEXT_TASK, _NUMBERED = compiled(f._NEXT_TASK), compiled(f._NEXT_TASK_NUMBERED)
_ROLE_LINE = compiled(f._ROLE_LINE)
_IMAGE, _LINK = compiled(f._MARKDOWN_IMAGE), compiled(f._IMAGE_LINK)
_ATTACHED, _MEDIA_TAG = compiled(f._ATTACHED_MEDIUM), compiled(f._MEDIA_TAG)
_ALONE = compiled(rf"(?m)^\s*(?:{f._MEDIUM_IN_BRACKETS}|{f._MEDIA_FILE})\s*$")
_SHOWN = (_IMAGE, _LINK, compiled(f._MEDIUM_IN_BRACKETS), compiled(f._MEDIA_FILE), _ATTACHED)
_FIRST_LINE = compiled(r"^\s*([^\n]*)")
_ASKS, _ABOUT = compiled(f._ASKS_FOR_MEDIUM), compiled(f._ABOUT_MEDIUM)
_URL = compiled(f._URL)
_SITES = ("http", "www.", ".com", ".org", ".net", ".edu", ".gov", ".io", ".co.uk")


def nul_character(row: Row) -> bool:
    return "\x00" not in row.prompt and "\x00" not in row.answer


def control_characters(row: Row) -> bool:
    return not (_CONTROL.search(row.prompt) or _CONTROL.search(row.answer))


def mojibake(row: Row) -> bool:
    return not any(_MOJIBAKE.search(text) for text in (row.prompt, row.answer) if not text.isascii())


def _is_plain(row: Row, sign: str) -> bool:
    """Whether the answer has the sign, and neither code fences nor a prompt about markup."""
    return sign in row.answer and "```" not in row.answer and not row.asks_about(f._MARKUP)


def html_tags(row: Row) -> bool:
    return not (_is_plain(row, "<") and _TAG.search(row.answer))


def html_entities(row: Row) -> bool:
    return not (_is_plain(row, "&") and _ENTITY.search(row.answer))


def open_code_fence(row: Row) -> bool:
    return row.answer.count("```") % 2 == 0


def unfinished(row: Row) -> bool:
    if not _NO_STOP.search(row.answer[-3:]):
        return True
    tail = row.answer[-f.LAST_LINE_CHARACTERS :]
    return not _STOPS.search(tail) or _IS_MORE.search(tail) is not None


def open_bracket(row: Row) -> bool:
    answer = row.answer
    if len(answer) < f.MIN_CHARACTERS_TO_BE_CUT or not _IS_NO_END.search(answer):
        return True
    for opening, closing in f.BRACKETS:
        if answer.count(opening) > answer.count(closing) and closing not in answer[answer.rfind(opening) :]:
            return False
    return True


def _is_brief(text: str) -> bool:
    return 0 < len(text) <= f.PLACEHOLDER_BYTES and len(text.encode()) <= f.PLACEHOLDER_BYTES


def placeholder_input(row: Row) -> bool:
    if _is_brief(row.context) and _NO_INPUT.search(row.context):
        return False
    return not (row.asks_about(("noinput", "no input")) and _NO_INPUT_IN_PROMPT.search(row.prompt))


def placeholder_answer(row: Row) -> bool:
    return not (_is_brief(row.answer) and _NO_ANSWER.search(row.answer))


def nothing_answered(row: Row) -> bool:
    return not (_is_brief(row.answer) and _NOTHING_ANSWER.search(row.answer))


def placeholder_in_answer(row: Row) -> bool:
    if not has_any(row.answer.lower(), ("noinput", "nooutput", "no input", "no output")):
        return True
    return not (_EMBEDDED.search(row.answer) and placeholder_answer(row))


def template_in_answer(row: Row) -> bool:
    return not has_any(row.answer, f.TEMPLATE_MARKERS)


def template_in_prompt(row: Row) -> bool:
    return not has_any(row.prompt, f.TEMPLATE_MARKERS)


def merged_instructions(row: Row) -> bool:
    answer = row.answer
    if len(_NUMBERED.findall(answer)) >= 2:
        return False
    return not _NEXT_TASK.search(answer) or row.asks_about(("instruction",))


def role_markers(row: Row) -> bool:
    return not _ROLE_LINE.search(row.answer) or row.asks_about(f._DIALOGUE)


def media_in_answer(row: Row) -> bool:
    answer = row.answer
    if has_any(answer, f._MEDIA_HINTS):
        if _IMAGE.search(answer) or _LINK.search(answer) or ("ttached" in answer and _ATTACHED.search(answer)):
            return False
        if _MEDIA_TAG.search(answer) and not row.asks_about(f._CODE):
            return False
    return not _ALONE.search(answer)


def absent_media(row: Row) -> bool:
    if row.kind != "sft":
        return True
    return not any(pattern.search(row.prompt) for pattern in _SHOWN)


def asks_for_media(row: Row) -> bool:
    found = _FIRST_LINE.search(row.prompt)
    instruction = found.group(1) if found else ""
    return not _ASKS.search(instruction) or _ABOUT.search(instruction) is not None


def url_in_prompt(row: Row) -> bool:
    return not (has_any(row.prompt, _SITES) and _URL.search(row.prompt))


RULES = (
    nul_character,
    control_characters,
    mojibake,
    html_tags,
    html_entities,
    open_code_fence,
    unfinished,
    open_bracket,
    placeholder_input,
    placeholder_answer,
    nothing_answered,
    placeholder_in_answer,
    template_in_answer,
    template_in_prompt,
    merged_instructions,
    role_markers,
    media_in_answer,
    absent_media,
    asks_for_media,
    url_in_prompt,
)
