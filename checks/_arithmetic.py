"""Equations between plain numbers in a text, and whether they hold: "3 + 4 * 2 = 11", "$7.45 x 8 = $59.60"."""

import re
from fractions import Fraction

# 1,234.56 or 1234.56, perhaps with a dollar sign; no leading nought, as dates have it.
_NUMBER = r"\$?(?:[1-9]\d{0,2}(?:,\d{3})+|0|[1-9]\d*)(?:\.\d+)?"
_OPERATOR = r"[ \t]*(?:[-+*/×÷−–]|\bx\b|(?<=\d)x(?=\d))[ \t]*"
# Numbers and signs alone, whole: nothing of an equation stands before it or goes on behind it, no unknown, no power,
# no bracket, no unit of parts (%), no remainder. Numbers of more digits than these are not looked at.
_EQUATION = re.compile(
    rf"(?<![\w.,^%)\]+*/×÷−–-])(?<![-+*/×÷^(x\d)] )(-?{_NUMBER}(?:{_OPERATOR}{_NUMBER})+)[ \t]*=[ \t]*(-?{_NUMBER})"
    r"(?![\d.,]*[\w%^])(?![ \t]+\d)(?![ \t]*(?:[-+*/×÷^(]|x[ \t]*\d|%|r\b|R\b|remainder|mod\b|and[ \t]+\d+/\d))"
)
_PART = re.compile(rf"({_NUMBER})|[-+*/×÷−–x]")
MAX_LENGTH = 400


def wrong_equations(text: str, given: str = "") -> list[str]:
    """The equations of `text` that do not hold, as they stand there; those that stand in `given` too are left out.

    A result with decimals may be rounded to them, a whole one to the next whole number where the true one is none.
    Division by zero is passed over.

    >>> wrong_equations("So 2 + 3 * 4 = 14, and 7 x 8 = 54."), wrong_equations("10 / 3 = 3.33")
    (['7 x 8 = 54'], [])
    """
    return [
        whole
        for found in _EQUATION.finditer(text)
        if len(whole := found.group(0)) <= MAX_LENGTH
        and not _holds(found.group(1), found.group(2))
        and whole.strip() not in given
    ]


def _holds(left: str, right: str) -> bool:
    value, said = _value(left), _number(right)
    if value is None:
        return True
    decimals = len(right.partition(".")[2])
    # Cut off instead of rounded is not wrong enough to be told of.
    room = Fraction(1, 10**decimals) if (value * 10**decimals).denominator > 1 else Fraction(0)
    return abs(value - said) < room if room else value == said


def _value(expression: str) -> Fraction | None:
    """Products before sums; null where something is divided by zero."""
    terms = [Fraction(0)]
    sign, operator = Fraction(1), ""
    rest = expression.strip()
    if rest.startswith("-"):
        sign, rest = Fraction(-1), rest[1:]
    for part in _PART.finditer(rest):
        if not part.group(1):
            operator = part.group(0)
            continue
        number = _number(part.group(1))
        if operator in ("", "+", "-", "−", "–"):
            terms.append(sign * number if not operator else number if operator == "+" else -number)
        elif operator in ("/", "÷"):
            if not number:
                return None
            terms[-1] /= number
        else:
            terms[-1] *= number
    return sum(terms, Fraction(0))


def _number(written: str) -> Fraction:
    return Fraction(written.replace("$", "").replace(",", ""))
