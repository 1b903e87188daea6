"""Budgets in tokens instead of records."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipelines.selecting.pool import Places


def within(order: Places, tokens: NDArray[np.int64], budget: int) -> Places:
    """Those of `order` that `budget` pays for, each taken in its turn; what costs more than is left is passed over.

    `tokens` has what every record costs.

    >>> within(np.array([2, 0, 1]), np.array([5, 1, 3]), 4).tolist()
    [2, 1]
    """
    taken, left = [], budget
    for place in order.tolist():
        if tokens[place] <= left:
            taken.append(place)
            left -= int(tokens[place])
    return np.array(taken, dtype=np.int64)


def first_within(chosen: Callable[[int], Places], tokens: NDArray[np.int64], budget: int) -> Places:
    """The longest beginning of a method's order that `budget` pays for; `chosen` has the order for a given size.

    >>> first_within(lambda size: np.array([2, 0, 1])[:size], np.array([5, 1, 3]), 4).tolist()
    [2]
    """
    mean = max(1.0, float(tokens.mean())) if len(tokens) else 1.0
    # What a method prefers may be shorter than most.
    size = min(len(tokens), int(1.25 * budget / mean) + 1)
    while True:
        order = chosen(size)
        spent = np.cumsum(tokens[order])
        if size == len(tokens) or (len(spent) and spent[-1] > budget):
            return order[: int(np.searchsorted(spent, budget, side="right"))]
        size = min(len(tokens), 2 * size)
