"""Amounts as people write them: a number, and perhaps a unit behind it"""

import re
from collections.abc import Mapping

_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)

_SIZES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BYTES = {unit: size for letter, size in _SIZES.items() for unit in (letter, f"{letter}b")}
"""Decimal, as disks are sold."""


def amount(said: str, units: Mapping[str, int]) -> float | None:
    """The number times its unit, one of `units` in small letters ("" is none); null where it is no such amount.

    >>> amount("1.5 GB", BYTES), amount("13B", {"b": 10**9}), amount("500", BYTES), amount("many", BYTES)
    (1500000000.0, 13000000000.0, 500.0, None)
    """
    found = _AMOUNT.fullmatch(said)
    times = units.get(found[2].casefold()) if found else None
    return float(found[1]) * times if found and times is not None else None
