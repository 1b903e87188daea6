"""Pieces of an answer that are written in some language: its fenced blocks, and code that stands without fences."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

# From a fence at a line's beginning to the next at a line's end, or to the end of the text where none follows.
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([\w+#.-]*)[^\n`]*\n(.*?)(?:\1[`~]*[ \t]*$|\Z)", re.M | re.S)

# A line of prose behind code: words without the signs of code, up to a sentence's end; or a heading of what follows.
# What is taken is not given back, so that the time is linear.
_SENTENCE = r"(?=[^\n]*[.:!?][ \t]*$)(?:[A-Z][\w'’]*+|`[^`\n]++`)(?:[ ,]++[\w'’`().*/-]++){3}[^\n;{}=]*+"
# "Output:" and "# Output" stand before what a program said.
_HEADING = (
    r"(?:Output|Explanation|Example|Note|Result|Input|Usage|Answer)s?\b[^\n(){};=]*:[^\n]*"
    r"|(?:#+|//|--)[ \t]*(?:Sample |Expected |Example )?Outputs?:?"
)
_PROSE = re.compile(rf"^(?:{_SENTENCE}|{_HEADING})[ \t]*$", re.M)
_ELISION = re.compile(r"^[ \t]*(?:\.\.\.|…)[ \t]*$", re.M)

Piece = TypeVar("Piece")


class Snippet(NamedTuple):
    """A fenced block: the first word behind its fence, in small letters, and what is between the fences."""

    language: str
    text: str


def fenced(text: str) -> list[Snippet]:
    """The fenced blocks in their order; one that is never closed ends with the text.

    >>> fenced("So:\\n```JSON\\n[1]\\n```\\nand\\n```\\nls\\n```")
    [Snippet(language='json', text='[1]\\n'), Snippet(language='', text='ls\\n')]
    """
    if "```" not in text and "~~~" not in text:
        return []
    return [Snippet(found[2].lower(), found[3]) for found in _FENCE.finditer(text)]


def unfenced(text: str) -> str:
    """The text without its fenced blocks.

    >>> unfenced("So:\\n```\\n[1]\\n```\\nand")
    'So:\\n\\nand'
    """
    return _FENCE.sub("", text)


def code_only(text: str) -> str:
    """What stands before the first line of prose; the text where it has none.

    >>> code_only("x = f(2)\\nprint(x)\\n\\nThis prints what the function gives for two.")
    'x = f(2)\\nprint(x)\\n\\n'
    """
    prose = _PROSE.search(text)
    return text[: prose.start()] if prose else text


def is_elided(text: str) -> bool:
    """Whether a line that is "..." and nothing else stands for more code."""
    return _ELISION.search(text) is not None


def all_read(pieces: Iterable[Piece], reads: Callable[[Piece], bool | None]) -> bool | None:
    """Whether each piece is read. Null where there is none, or none of which `reads` says something."""
    said = [reads(piece) for piece in pieces]
    if False in said:
        return False
    return True if True in said else None
