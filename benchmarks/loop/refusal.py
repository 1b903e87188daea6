"""The rules of checks/refusal.py, row by row; what several of them ask is asked once for a row"""

from functools import lru_cache
from typing import NamedTuple

from benchmarks.loop.row import Row, compiled, has_any
from checks import refusal as r

_OPENINGS = tuple(compiled(pattern) for pattern in (r._DECLINES, r._SORRY, r._WARNS, r._OTHER_LANGUAGES))
_JUDGES, _ABOUT_CONDUCT = compiled(r._JUDGES), compiled(r._ABOUT_CONDUCT)
_MODEL_CANNOT, _ABOUT_MODELS = compiled(r._MODEL_CANNOT), compiled(r._ABOUT_MODELS)
_SELF, _QUOTES = compiled(r._SELF), compiled(r._QUOTES)
_ITEM, _TURNS_TO_HELP = compiled(r._LIST_ITEM), compiled(r._TURNS_TO_HELP)
_LATER, _DISCLAIMER = compiled(r._DECLINES_LATER), compiled(r._DISCLAIMER)


def _opens_with_refusal(row: Row, opening: str) -> bool:
    if any(pattern.search(opening) for pattern in _OPENINGS):
        return True
    if _JUDGES.search(opening) and not _ABOUT_CONDUCT.search(row.prompt):
        return True
    return bool(_MODEL_CANNOT.search(opening)) and not _ABOUT_MODELS.search(row.prompt)


class Refusal(NamedTuple):
    """Whether the opening declines, and whether help follows all the same."""

    declines: bool
    helps: bool


@lru_cache(maxsize=1)
def refusal_of(row: Row) -> Refusal:
    opening = row.answer[: r.OPENING_CHARACTERS]
    if not _opens_with_refusal(row, opening) or not (_SELF.search(opening) or not _QUOTES.search(row.prompt)):
        return Refusal(False, False)
    items = len(_ITEM.findall(row.answer))
    return Refusal(True, items >= r.MIN_ITEMS_OF_HELP and _TURNS_TO_HELP.search(row.answer) is not None)


def _refuses(row: Row) -> bool:
    said = refusal_of(row)
    return said.declines and not said.helps


def full(row: Row) -> bool:
    return row.kind != "sft" or row.record.get("tools") is not None or not _refuses(row)


def partial(row: Row) -> bool:
    if row.kind != "sft":
        return True
    if refusal_of(row).declines:
        return not refusal_of(row).helps
    return not _LATER.search(row.answer[r.OPENING_CHARACTERS :]) or _QUOTES.search(row.prompt) is not None


def ai_disclaimer(row: Row) -> bool:
    if row.kind != "sft" or not has_any(row.answer, r._AI_HINTS) or not _DISCLAIMER.search(row.answer):
        return True
    return _ABOUT_MODELS.search(row.prompt) is not None


def preferred(row: Row) -> bool:
    return row.kind == "sft" or not _refuses(row)


def with_tools(row: Row) -> bool:
    return row.kind != "sft" or row.record.get("tools") is None or not _refuses(row)


RULES = (full, partial, ai_disclaimer, preferred, with_tools)
