"""Pieces of SQL that carry their own parameters, so that no value is ever written into a statement."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Value = str | int | float | bytes | None


class Sql(NamedTuple):
    """SQL with `?` marks, and what belongs into them, in order."""

    text: str
    parameters: tuple[Value, ...] = ()


EVERYTHING, NOTHING = Sql("1"), Sql("0")


def sql(template: str, *parts: "Sql | Value | Sequence[str]") -> Sql:
    """Put parts into the `{}` of a template: SQL as it is, a list of texts as a list of marks, all else as a mark.

    >>> sql("a = {} AND {} AND c IN {}", 1, sql("b > {}", 0.5), ["x", "y"])
    Sql(text='a = ? AND b > ? AND c IN (?, ?)', parameters=(1, 0.5, 'x', 'y'))
    """
    pieces = [_piece(part) for part in parts]
    return Sql(
        template.format(*(piece.text for piece in pieces)),
        tuple(value for piece in pieces for value in piece.parameters),
    )


def every(conditions: Iterable[Sql]) -> Sql:
    """All of the conditions; of none of them: true.

    >>> every([sql("a = {}", 1), Sql("b")])
    Sql(text='(a = ?) AND (b)', parameters=(1,))
    """
    return _joined(" AND ", list(conditions)) or EVERYTHING


def either(conditions: Iterable[Sql]) -> Sql:
    """At least one of the conditions; of none of them: false."""
    return _joined(" OR ", list(conditions)) or NOTHING


def quoted(text: str) -> str:
    """A text as an SQL literal, for statements that take no parameters (triggers).

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def _piece(part: "Sql | Value | Sequence[str]") -> Sql:
    if isinstance(part, Sql):
        return part
    if part is None or isinstance(part, str | int | float | bytes):
        return Sql("?", (part,))
    return Sql(f"({', '.join('?' * len(part))})", tuple(part))


def _joined(operator: str, conditions: list[Sql]) -> Sql | None:
    if not conditions:
        return None
    return Sql(
        operator.join(f"({one.text})" for one in conditions),
        tuple(value for one in conditions for value in one.parameters),
    )
