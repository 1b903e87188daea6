"""The interval of a share, for numbers and for columns alike"""

from typing import Any


def wilson(share: Any, of: Any, z: float) -> tuple[Any, Any]:
    """Wilson's interval (1927, JASA 22) of a share of `of`, z standard deviations wide: floats, or polars' expressions.

    Rounding may carry an end past 0 or 1.

    >>> low, high = wilson(0.5, 100, 1.96)
    >>> round(low, 3), round(high, 3)
    (0.404, 0.596)
    """
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z / (1 + z**2 / of) * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5
    return middle - half, middle + half
