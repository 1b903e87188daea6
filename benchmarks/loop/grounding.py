"""The rules of checks/grounding.py, row by row"""

from benchmarks.loop.row import Row, compiled
from checks import grounding
from checks._arithmetic import wrong_equations

_SPEAKS_OF, _BRINGS_IT = compiled(grounding._SPEAKS_OF), compiled(grounding._BRINGS_IT)
_LIVE, _WRITES = compiled(grounding._LIVE), compiled(grounding._WRITES)


def absent_text(row: Row) -> bool:
    if row.context or len(row.prompt.encode()) > grounding.MAX_BARE_BYTES:
        return True
    asked = row.prompt.strip()
    return "\n" in asked or not _SPEAKS_OF.search(asked) or _BRINGS_IT.search(asked) is not None


def needs_live_data(row: Row) -> bool:
    if len(row.context.encode()) > grounding.MAX_INPUT_BYTES:
        return True
    opening = row.prompt[: grounding.MAX_BARE_BYTES].lstrip().partition("\n")[0]
    return not _LIVE.search(opening) or _WRITES.search(opening) is not None


def wrong_arithmetic(row: Row) -> bool:
    return not wrong_equations(row.answer, row.prompt)


RULES = (absent_text, needs_live_data, wrong_arithmetic)
