"""Two texts beside each other, with the words marked in which they differ."""

import re
from difflib import SequenceMatcher

from markupsafe import Markup

# Below this share of words in common there is no wording to compare, and marks would cover the text.
MIN_ALIKE = 0.5

_WORD = re.compile(r"\s*(?:\w+|[^\w\s])|\s+$")
# An excerpt ends anywhere in a word: what stands before these signs is no difference.
_CUT_OFF = re.compile(r"\s*\w*\s*(…|\[…\])$")


def against(text: str, other: str | None) -> Markup:
    """`text`, escaped, with `<mark>` around the words in which it differs from `other`, case aside.

    Nothing is marked where the two have little in common.

    >>> str(against("on Monday & later", "on Tuesday & later"))
    'on <mark>Monday</mark> &amp; later'
    >>> str(against("on Monday at n…", "on Monday at…"))
    'on Monday at n…'
    """
    whole, end = _without_end(text)
    words, others = (_WORD.findall(side) for side in (whole, _without_end(other or "")[0]))
    matcher = SequenceMatcher(None, _bare(words), _bare(others), autojunk=False)
    if matcher.ratio() < MIN_ALIKE:
        return Markup.escape(text)
    parts = []
    for said, start, stop, _, _ in matcher.get_opcodes():
        beyond = bool(end) and stop == len(words)
        parts.append(_part("".join(words[start:stop]), said == "equal" or beyond))
    return Markup("").join(parts) + end


def _bare(words: list[str]) -> list[str]:
    return [word.strip().casefold() for word in words]


def _without_end(text: str) -> tuple[str, str]:
    cut = _CUT_OFF.search(text)
    return (text[: cut.start()], text[cut.start() :]) if cut else (text, "")


def _part(text: str, same: bool) -> Markup:
    inner = text.strip()
    if same or not inner:
        return Markup.escape(text)
    before = text[: len(text) - len(text.lstrip())]
    return Markup("{}<mark>{}</mark>{}").format(before, inner, text[len(before) + len(inner) :])
