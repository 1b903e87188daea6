"""Mechanical repairs of answers: only those that leave no doubt what the answer was meant to be.

A repair is a suggestion that a person confirms, never a change. Each answers to one finding of the checks, and
gives None where it cannot mend that finding for certain.
"""

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from annotation.asking.mends import read_again, unescaped, without_template


class Repaired(NamedTuple):
    """The answer as it should be, and the findings that this mends."""

    text: str
    mended: tuple[str, ...]  # "family.check"


# Bounded, so that a text of nothing but brackets is read in no time.
_MARKER = r"[<\[(`{]{1,4}\s{0,4}\\?no[\s_-]?(?:in|out)put\s{0,4}\\?[>\])`}]{1,4}"
_PLACEHOLDER = re.compile(_MARKER, re.IGNORECASE)
_PLACEHOLDER_LINE = re.compile(rf"^[ \t]{{0,8}}{_MARKER}[ \t]{{0,8}}$\n?", re.IGNORECASE | re.MULTILINE)
_CONTROL = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f]")
# Three times the same from the first word to the last is no style.
MIN_REPEATS = 3


def repair(text: str, findings: Collection[str]) -> Repaired | None:
    """`text` with every certain repair for `findings`; None where nothing is mended."""
    mended = []
    for finding, mend in _REPAIRS.items():
        if finding in findings and (better := mend(text)) is not None and better.strip() and better != text:
            text = better
            mended.append(finding)
    return Repaired(text, tuple(mended)) if mended else None


def _without_placeholder(text: str) -> str | None:
    """Placeholders around the answer or on lines of their own; one in a sentence has torn a hole into it."""
    said = _PLACEHOLDER_LINE.sub("", text).strip()
    if first := _PLACEHOLDER.match(said):
        said = said[first.end() :].lstrip()
    if (last := _PLACEHOLDER.search(said)) and last.end() == len(said):
        said = said[: last.start()].rstrip()
    return None if _PLACEHOLDER.search(said) else said


def _said_once(text: str) -> str | None:
    """The first of at least MIN_REPEATS repetitions that make up the whole answer; the last may be cut off."""
    words = list(re.finditer(r"\S+", text))
    said = [word[0] for word in words]
    for length in (len(said), len(said) - 1):  # without a last word that is itself cut
        period = _period(said[:length])
        if period and length >= MIN_REPEATS * period:
            return text[words[0].start() : words[period - 1].end()]
    return None


def _period(words: list[str]) -> int:
    """The shortest run of words that, repeated, makes `words` (the prefix function of Knuth, Morris and Pratt)."""
    border = [0] * len(words)
    for place in range(1, len(words)):
        known = border[place - 1]
        while known and words[place] != words[known]:
            known = border[known - 1]
        border[place] = known + (words[place] == words[known])
    return len(words) - border[-1] if words else 0


def _without_controls(text: str) -> str | None:
    return _CONTROL.sub("", text)


def _closed(text: str) -> str | None:
    """A last fence that opens on a line of its own, closed at the end."""
    last = text.rfind("```")
    opens_line = not text[text.rfind("\n", 0, last) + 1 : last].strip()
    return text.rstrip() + "\n```" if text.count("```") % 2 and opens_line else None


_REPAIRS: dict[str, Callable[[str], str | None]] = {
    "formatting.mojibake": read_again,
    "formatting.control_characters": _without_controls,
    "formatting.template_in_answer": without_template,
    "formatting.placeholder_in_answer": _without_placeholder,
    "length.repeats_itself": _said_once,
    "formatting.html_entities": unescaped,
    "formatting.open_code_fence": _closed,
}
"""By the finding that each mends, in the order in which they are made."""
