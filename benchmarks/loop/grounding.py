"""The rules of checks/grounding.py, row by row"""

from benchmarks.loop.row import Row, compiled
from checks import grounding
from checks._arithmetic import wrong_equations

_SPEAKS_OF, _BRINGS_IT = compiled(grounding._SPEAKS_OF), compiled(grounding._BRINGS_IT)
_LIVE, _WRITES = compiled(grounding._LIVE), compiled(grounding._WRITES)
_CLOSED, _WRITTEN_ANEW = compiled(grounding._CLOSED), compiled(grounding._WRITTEN_ANEW)
_STEM, _ENDING, _ANYWHERE = compiled(grounding.STEM), compiled(grounding.ENDING), frozenset(grounding.ANYWHERE)


def _stems(text: str) -> set[str]:
    return set(_STEM.findall(_ENDING.sub(r"\1", text.lower()))) - _ANYWHERE


def ignores_input(row: Row) -> bool | None:
    if len(row.context.encode()) < grounding.MIN_GIVEN_BYTES:
        return None
    if not _CLOSED.search(_opening(row)) or _WRITTEN_ANEW.search(_opening(row)):
        return None
    said = _stems(row.answer)
    if len(said) < grounding.MIN_WORDS_SAID:
        return None
    return len(said & _stems(row.context)) / len(said) >= grounding.MIN_SUPPORT


def absent_text(row: Row) -> bool:
    if row.context or len(row.prompt.encode()) > grounding.MAX_BARE_BYTES:
        return True
    asked = row.prompt.strip()
    return "\n" in asked or not _SPEAKS_OF.search(asked) or _BRINGS_IT.search(asked) is not None


def _opening(row: Row) -> str:
    return row.prompt[: grounding.MAX_BARE_BYTES].lstrip().partition("\n")[0]


def needs_live_data(row: Row) -> bool:
    if len(row.context.encode()) > grounding.MAX_INPUT_BYTES:
        return True
    opening = _opening(row)
    return not _LIVE.search(opening) or _WRITES.search(opening) is not None


def wrong_arithmetic(row: Row) -> bool:
    return not wrong_equations(row.answer, row.prompt)


RULES = (ignores_input, absent_text, needs_live_data, wrong_arithmetic)
