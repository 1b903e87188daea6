"""Cuts text into the words that search compares: one rule for what is stored and for what is typed.

Words are runs of letters, digits and their marks, without case and width. Scripts written without spaces
(Chinese, Japanese, Thai, ...) and Korean, which glues particles to its words, are cut into characters, so that
a part of a sentence is found as a phrase. Emoji are words of their own. Everything else separates.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

# Elasticsearch's standard analyser stops a token there; only junk such as base64 is longer.
LONGEST_WORD = 255
# The tables stored with another rule are rebuilt when this name changes: raise the number with the rule.
WORDS_FUNCTION = "assay_words_1"

_MARKS = "".join(chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code))[0] == "M").translate(
    # How the character before them is drawn, not which one it is.
    dict.fromkeys(range(0xFE00, 0xFE10))
)
# Thai to Khmer, kana, ideographs, Hangul, and the supplementary ideographic planes.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff"
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_EMOJI = "\u2600-\u27bf\U0001f000-\U0001faff"
_ASCII_WORD = re.compile("[0-9a-z]+")
_WORD = re.compile(
    rf"[^\W_{_UNSPACED}]++(?:[{_MARKS}]++[^\W_{_UNSPACED}]*+)*+"
    rf"|(?P<unspaced>(?=[^\W_])[{_UNSPACED}][{_MARKS}]*+)"
    rf"|[{_EMOJI}]"
)


class Piece(NamedTuple):
    """A word as compared, whether its script has no spaces, and where it stands in the normalised text."""

    word: str
    unspaced: bool
    start: int
    end: int


def words(text: str) -> list[str]:
    """The words of a text in order, as search stores and compares them.

    >>> words("Don't pay by Card-Payment: 3.50€")
    ['don', 't', 'pay', 'by', 'card', 'payment', '3', '50']
    >>> words("东京 Tower 😀")
    ['东', '京', 'tower', '😀']
    """
    plain = _normal(text)
    found = _ASCII_WORD.findall(plain) if plain.isascii() else [match[0] for match in _WORD.finditer(plain)]
    return [word[:LONGEST_WORD] for word in found]


def phrases(text: str) -> list[tuple[str, ...]]:
    """The words of a text, those of a script without spaces kept together where they touch.

    >>> phrases("card-payment 东京tower")
    [('card',), ('payment',), ('东', '京'), ('tower',)]
    """
    found: list[tuple[str, ...]] = []
    open_until = -1
    for piece in _cut(text):
        if piece.unspaced and piece.start == open_until:
            found[-1] += (piece.word,)
        else:
            found.append((piece.word,))
        open_until = piece.end if piece.unspaced else -1
    return found


def ends_in_word(text: str) -> bool:
    """Whether a text's last character belongs to a word, so that a `*` behind it can continue that word.

    >>> ends_in_word("pay"), ends_in_word("pay-"), ends_in_word("")
    (True, False, False)
    """
    plain = _normal(text)
    last = 0
    for piece in _cut(text):
        last = piece.end
    return bool(plain) and last == len(plain)


def stored_words(fields: str | None, name: str) -> str:
    """What search stores of one field of a record: its words, one space between; never an error.

    `fields` is the record's JSON as Argilla stores it. Of a chat message only the content counts, of other
    objects all values and no keys; numbers count, true, false and null do not.

    >>> stored_words('{"chat": [{"role": "user", "content": "Hi, you"}], "n": {"a": [1, "B"]}}', "chat")
    'hi you'
    >>> stored_words('{"n": {"a": [1, "B"]}}', "n"), stored_words("broken", "n")
    ('1 b', '')
    """
    try:
        values = json.loads(fields or "{}")
    except (ValueError, RecursionError):
        return ""
    found = values.get(name) if isinstance(values, dict) else None
    return " ".join(word for text in _texts(found) for word in words(text))


def _texts(value: Any) -> Iterator[str]:
    """Every text inside a JSON value, in order. A stack instead of recursion: nesting is the writer's choice."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            left.extend(reversed(item))
        elif isinstance(item, dict):
            left.extend(reversed([item["content"]] if item.keys() == {"role", "content"} else list(item.values())))
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield _number(item)


def _number(value: float) -> str:
    try:
        return str(value)
    except ValueError:  # an integer of more digits than Python agrees to print
        return ""


def _cut(text: str) -> Iterator[Piece]:
    for match in _WORD.finditer(_normal(text)):
        yield Piece(match[0][:LONGEST_WORD], match.lastgroup == "unspaced", *match.span())


def _normal(text: str) -> str:
    """Without case, width and composition; ASCII, the common case, in one step."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
