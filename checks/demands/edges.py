"""The words that a request wants an answer, or a paragraph of it, to begin or end with."""

import re

from checks.demands.bounds import sentence_around
from checks.demands.terms import QUOTED, plain_quotes, unquoted

_PIECE = (
    r"(?:response|answer|reply|output|story|essay|letter|email|poem|sentence|paragraph|article|speech|post"
    r"|anecdote|tale"
    r"|narrative|joke|text|it|message|dialogue|monologue|song|blog post|summary|question|statement|twister|haiku)"
)
_SAYING = (
    r"(?:the |this |these |a |exact |exactly |same |following |given |phrase|words?|sentence|line|text|question"
    r"|statement|clause)*"
)
_BEGINS = re.compile(
    rf"(?:\b(?P<piece>{_PIECE}),? (?:(?:that|which|must|should|to) )?)?(?:start|begin|open)(?:s|ing)? (?:your |the"
    rf" |its? |off )*"
    rf"(?:(?:entire |whole )?{_PIECE} )?(?:off )?with {_SAYING}[:,]?\s*(?P<quoted>{QUOTED})",
    re.IGNORECASE,
)
_BEGINS_GIVEN = re.compile(
    rf"\b{_PIECE} (?:(?:that|which) )?(?:start|begin)(?:s|ing)? with (?:the|this) (?:given |following"
    rf" )?(?:sentence|phrase|line)[ .:]*$",
    re.IGNORECASE,
)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_NTH_PARAGRAPH = r"(?:(?P<nth>first|second|third|fourth|fifth|\dth|1st|2nd|3rd) paragraph|paragraph (?P<number>\d))"
_NTH = re.compile(
    rf"\b{_NTH_PARAGRAPH}(?: (?:must|should|needs to|has to))? (?:start|begin)s? with (?:the )?(?:word"
    rf" )?(?P<quoted>{QUOTED}|[A-Za-z]+)"
    rf"|\b(?:start|begin) (?:the )?{_NTH_PARAGRAPH.replace('nth', 'th').replace('number', 'figure')} with (?:the"
    rf" )?(?:word )?"
    rf"(?P<word>{QUOTED}|[A-Za-z]+)",
    re.IGNORECASE,
)
_ENDS = re.compile(
    rf"(?i:(?:end|finish|conclude|close)(?:s|ing)? (?:your |the |it |its? |off )*(?:(?:entire |whole )?{_PIECE}"
    rf" )?with {_SAYING})[:,]?\s*"
    rf"(?:(?P<quoted>{QUOTED})|(?P<bare>[A-Z][^\n\"]{{4,80}}?[.?!])(?=\s|$))"
    rf"|(?i:\bend of your (?:entire )?{_PIECE} should (?:read|be|say))[:,]?\s*(?P<read>{QUOTED})",
)
_NO_TEXT = re.compile(
    r"\b(?:letters? [\"']?\w\b|regex|regular expression|quer(?:y|ies)|match\w*|function|program|code|filter"
    r"|strings?|names?|words? (?:that"
    r"|which|starting|ending|beginning)|each|every|all (?:the )?(?:words|lines|sentences)|rewrite|last name|note"
    r"|postscript|terms|titles|clause|punchline|add)\b",
    re.IGNORECASE,
)
# A title and a line of address may come first.
_OPENING_LINES = 3


def start_with(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer, or the paragraph that is named, begins as the request says; None where it says nothing of it.

    >>> start_with('Write a story that starts with "It was late".', "", "The Night\\n\\nIt was late, and cold.")
    True
    """
    asked = plain_quotes(request)
    nth = list(_NTH.finditer(asked))
    if nth:
        return _nth_begins(nth[0], answer) if len(nth) == 1 else None
    found = list(_BEGINS.finditer(asked))
    given = not found and _BEGINS_GIVEN.search(asked)
    phrase = found[0]["quoted"][1:-1] if len(found) == 1 else context if given else ""
    if len(_bare(phrase)) < 2 or "\n" in phrase.strip() or _is_about(asked, found[0] if found else given):
        return None
    lines = [line for line in answer.splitlines() if line.strip()][:_OPENING_LINES]
    return any(_bare(line[:_READ_AT_AN_END]).startswith(_bare(phrase)) for line in lines)


def _is_about(asked: str, found: re.Match[str] | bool | None) -> bool:
    """Whether it is words, names or a program that shall begin or end so."""
    return isinstance(found, re.Match) and _NO_TEXT.search(unquoted(sentence_around(asked, found))) is not None


def _nth_begins(found: re.Match[str], answer: str) -> bool:
    named = (found["number"] or found["figure"] or found["nth"] or found["th"]).lower()
    place = int(named[0]) if named[0].isdigit() else _ORDINALS[named]
    paragraphs = [part for part in re.split(r"\n\s*\n", answer.strip()) if part.strip()]
    opening = _bare(found["quoted"] or found["word"])
    return any(_bare(part[:_READ_AT_AN_END]).startswith(opening) for part in paragraphs[place - 1 : place])


def end_with(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer ends as the request says; None where it says nothing of it.

    >>> end_with('Write a letter. End with "Yours, Ann".', "", "Dear Bo, all is well. Yours, Ann")
    True
    """
    asked = plain_quotes(request)
    found = list(_ENDS.finditer(asked))
    if len(found) != 1 or _is_about(asked, found[0]):
        return None
    phrase = _bare(found[0]["quoted"] or found[0]["bare"] or found[0]["read"])
    return _bare(answer[-_READ_AT_AN_END:]).endswith(phrase) if len(phrase) > 1 else None


# More than any demand of an ending is long.
_READ_AT_AN_END = 2000


def _bare(text: str) -> str:
    """Words and the signs between them: what a reader compares."""
    return " ".join(re.findall(r"[\w'-]+", plain_quotes(text).lower())).strip("'-_ ")
