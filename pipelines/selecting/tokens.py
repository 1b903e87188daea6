"""Budgets in tokens instead of records."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipelines.selecting.pool import Places

# With so small a part of the budget left, what would still fit is chosen for being short.
_NOTHING_LEFT = 0.01


def within(order: Places, tokens: NDArray[np.int64], budget: int) -> Places:
    """Those of `order` that `budget` pays for, each in its turn; what costs more than is left is passed over.

    `tokens` has what every record costs. With a hundredth of the budget left it is spent.

    >>> within(np.array([2, 0, 1]), np.array([5, 1, 3]), 4).tolist()
    [2, 1]
    """
    taken, left = [], budget
    for place in order.tolist():
        if tokens[place] <= left:
            taken.append(place)
            left -= int(tokens[place])
        if _is_spent(left, budget):
            break
    return np.array(taken, dtype=np.int64)


def spending(chosen: Callable[[int], Places], tokens: NDArray[np.int64], budget: int) -> Places:
    """The same of the whole order of a method, of which only as much is worked out as it takes.

    `chosen` has the order for a given size: the beginning of that of any larger size.

    >>> spending(lambda size: np.array([2, 0, 1])[:size], np.array([5, 1, 3]), 4).tolist()
    [2, 1]
    """
    mean = max(1.0, float(tokens.mean())) if len(tokens) else 1.0
    # What a method prefers may be shorter than most.
    size = min(len(tokens), int(1.25 * budget / mean) + 1)
    while True:
        taken = within(chosen(size), tokens, budget)
        if size == len(tokens) or _is_spent(budget - int(tokens[taken].sum()), budget):
            return taken
        size = min(len(tokens), 2 * size)


def _is_spent(left: int, budget: int) -> bool:
    return left <= _NOTHING_LEFT * budget
