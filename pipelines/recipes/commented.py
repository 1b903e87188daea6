"""YAML with a reason behind each line"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

# Reasons start in one column, but for keys that are longer.
_COLUMN = 44


class Line(NamedTuple):
    """A key, its value (a list of Lines is a mapping below it), and why it is so; null where the key says it."""

    key: str
    value: Any
    why: str | None = None


def as_yaml(lines: Sequence[Line], head: str) -> str:
    """`head` above as a comment.

    >>> print(as_yaml([Line("epochs", 3, "few rows"), Line("data", [Line("path", "a b")])], "made by hand"), end="")
    # made by hand
    epochs: 3                                   # few rows
    data:
      path: "a b"
    """
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    return comment + "".join(f"{line}\n" for line in _lines(lines, ""))


def _lines(lines: Sequence[Line], margin: str) -> Iterator[str]:
    for key, value, why in lines:
        nested = isinstance(value, list) and value and all(isinstance(each, Line) for each in value)
        text = f"{margin}{key}:" if nested else f"{margin}{key}: {_scalar(value)}"
        # YAML wants a blank before a comment, however long the line is.
        yield f"{text + ' ':<{_COLUMN}}# {why}" if why else text
        if nested:
            yield from _lines(value, f"{margin}  ")


def _scalar(value: Any) -> str:
    """JSON is YAML, but for a float's exponent, which YAML wants with a dot."""
    if isinstance(value, float):
        text = f"{value:g}"
        return text.replace("e", ".0e", 1) if "e" in text and "." not in text else text
    return json.dumps(value, ensure_ascii=False)
