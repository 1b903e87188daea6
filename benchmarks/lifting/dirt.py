"""Faults planted in clean rows: what a dirty set has of each kind, and which rows they are

Each fault is what such sets are known for: a copy, an answer to another question, an answer that breaks off, an item of
a benchmark, and a refusal. Faulty rows take the place of clean ones, so that the dirty set is no larger.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.lifting.held_out import Rows

SHARE = 0.3
"""Of the rows so many are faulty, a fifth of them of each kind."""
_REFUSALS = (
    "I'm sorry, but as an AI language model I am not able to help with that request.",
    "I cannot assist with this. Please ask me something else.",
    "As an AI, I don't have the ability to answer this question. I apologize for the inconvenience.",
    "Sorry, I can't do that.",
)
_Row = dict[str, str]


class Dirty(NamedTuple):
    """`rows` in place of the clean ones; `faults` by their places."""

    rows: Rows
    faults: dict[int, str]


def planted(clean: Rows, benchmark: Rows, seed: int) -> Dirty:
    """`clean` with faults in the place of some rows; `benchmark` has the items that leak in."""
    draw = np.random.default_rng(seed)
    order = [int(at) for at in draw.permutation(len(clean))]
    each = int(len(clean) * SHARE / len(_FAULTS))
    untouched = order[each * len(_FAULTS) :]
    rows, faults = list(clean), dict[int, str]()
    for number, (name, fault) in enumerate(_FAULTS.items()):
        for at in order[number * each : (number + 1) * each]:
            other = untouched[int(draw.integers(len(untouched)))]
            rows[at] = fault(clean[at], clean[other], benchmark[int(draw.integers(len(benchmark)))], draw)
            faults[at] = name
    return Dirty(rows, faults)


_Fault = Callable[[_Row, _Row, _Row, np.random.Generator], _Row]


def _copied(row: _Row, other: _Row, item: _Row, draw: np.random.Generator) -> _Row:
    """Every second one in other case and spacing."""
    if draw.integers(2):
        return dict(other)
    return {name: "  ".join(text.split(" ")).replace(".", " .") for name, text in other.items()}


def _mispaired(row: _Row, other: _Row, item: _Row, draw: np.random.Generator) -> _Row:
    return {**row, "output": other["output"]}


def _cut_short(row: _Row, other: _Row, item: _Row, draw: np.random.Generator) -> _Row:
    """In the middle of a word where there is one."""
    answer = row["output"]
    return {**row, "output": answer[: max(1, int(len(answer) * draw.uniform(0.2, 0.6)))]}


def _leaked(row: _Row, other: _Row, item: _Row, draw: np.random.Generator) -> _Row:
    return dict(item)


def _refused(row: _Row, other: _Row, item: _Row, draw: np.random.Generator) -> _Row:
    return {**row, "output": _REFUSALS[int(draw.integers(len(_REFUSALS)))]}


_FAULTS: dict[str, _Fault] = {
    "copy": _copied,
    "wrong answer": _mispaired,
    "cut short": _cut_short,
    "leaked item": _leaked,
    "refusal": _refused,
}
