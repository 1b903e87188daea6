"""A row as the loop sees it, and patterns as Python has them

The patterns themselves are those of `checks`, so that a rule that changes there changes here. Everything else is
written anew, as one would for rows: each pattern is compiled once, what is quick is asked first, the first answer that
decides ends a rule, and a text without a digit is not searched for numbers. Words that are looked for before a pattern
are here too where they are part of the rule. Where `checks` has them only to spare most rows a pattern, they are not:
that look is how columns are made quick, and not what is looked for.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import regex

from checks._text import _CODE_SIGN, MAX_CODE_SHARE, VISIBLE

_FLAGS = re.compile(r"\(\?([ims]+)\)")
_DIGIT = re.compile(r"\d")


class Found(Protocol):
    """What is known of a match, whichever library found it."""

    def group(self, number: int = 0, /) -> str: ...


class Pattern(Protocol):
    """What `re` and `regex` share."""

    def search(self, string: str, /) -> Found | None: ...
    def findall(self, string: str, /) -> list[Any]: ...
    def finditer(self, string: str, /) -> Iterator[Found]: ...
    def sub(self, repl: str, string: str, /) -> str: ...


def compiled(pattern: str) -> Pattern:
    """A pattern of `checks` for Python: `re` where that knows all of it, which is the quicker one, else `regex`.

    Flags hold for the whole, and a `$` that is not for every line is the very end, as it is there.
    """
    flags = set("".join(_FLAGS.findall(pattern)))
    plain = _FLAGS.sub("", pattern)
    if "m" not in flags:
        plain = re.sub(r"(?<!\\)\$", r"\\Z", plain)
    library: Any = regex if r"\p" in plain else re
    made: Pattern = library.compile(plain, sum(getattr(library, flag.upper()) for flag in sorted(flags)))
    return made


_VISIBLE, _SIGNS = compiled(VISIBLE), compiled(_CODE_SIGN)


def is_visible(text: str) -> bool:
    """Whether a reader can see any of it."""
    return _VISIBLE.search(text) is not None


def is_code(text: str) -> bool:
    """Whether the text is code or markup, by its share of signs."""
    return len(_SIGNS.findall(text)) > MAX_CODE_SHARE * len(text)


def has_any(text: str, words: Sequence[str]) -> bool:
    """Whether one of the words occurs in the text."""
    return any(word in text for word in words)


class Row:
    """A record, and the texts that several rules read, each made when it is first read."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.kind: str = record.get("kind") or "sft"
        self.prompt: str = record.get("prompt") or ""
        self.completion: str = record.get("completion") or ""
        self.context: str = record.get("context") or ""
        self.wanted: bool = self.kind != "kto" or record.get("label") is not False
        self.answer = self.completion if self.wanted else ""

    def turns(self, name: str = "messages") -> Sequence[Mapping[str, Any]]:
        """`messages`, `chosen` or `rejected`; none where the record has none."""
        return self.record.get(name) or ()

    def asks_about(self, words: Sequence[str]) -> bool:
        """Whether the prompt has one of the words, in any case."""
        return has_any(self.asked, words)

    def begins(self, *signs: str) -> bool:
        """Whether one of the signs stands where the answer begins, blanks aside."""
        return self.answer.lstrip().startswith(signs)

    @cached_property
    def asked(self) -> str:
        return self.prompt.lower()

    @cached_property
    def roles(self) -> list[str]:
        return [turn["role"] or "" for turn in self.turns()]

    @cached_property
    def text(self) -> str:
        """All that a model reads or learns to write, the rejected answer included."""
        rejected = "\n".join(turn["content"] or "" for turn in self.turns("rejected"))
        return f"{self.prompt}\n{self.completion}\n{rejected}"

    @cached_property
    def numbers(self) -> str:
        """The text where it has a digit, else ""."""
        return self.text if _DIGIT.search(self.text) else ""
