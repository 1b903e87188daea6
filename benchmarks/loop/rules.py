"""Every rule of the loop by the reason that its check has; null where it is not about a row"""

from collections.abc import Callable

from benchmarks.loop import (
    constraints,
    formatting,
    grounding,
    language,
    length,
    parsing,
    refusal,
    safety,
    structure,
)
from benchmarks.loop.row import Row

RULES: dict[str, Callable[[Row], bool | None]] = {
    f"{family.__name__.rpartition('.')[2]}.{rule.__name__}": rule
    for family in (structure, length, formatting, parsing, constraints, grounding, language, refusal, safety)
    for rule in family.RULES
}
