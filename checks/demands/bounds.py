"""How much a request asks for: "in at most 50 words", "two sentences", "list five".

A demand is read only where a request states exactly one of its unit, in words that leave no doubt that the answer is
meant: "these 3 words" are given, "add two sentences" is about a part.
"""

import math
import re
from functools import cache, lru_cache
from typing import NamedTuple

# No demand is about more; it also keeps sums within 64 bits.
ENDLESS = 10**9
# What universities let pass of a stated number of words, either way (Torrens University's 10% margin, and others).
ABOUT = 0.1
# Below, a bare number ("in 5 words") is meant to the word; from here on it is a size.
LEAST_SIZE = 20


class Bound(NamedTuple):
    """What is asked for, both ends included. `is_size`: "about 200", or a bare large number, which is no hard limit."""

    least: int
    most: int
    is_size: bool = False


_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
_NUMBERS = {word: number for number, word in enumerate(_WORDS.split())} | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "eighty": 80,
    "hundred": 100,
    "a hundred": 100,
    "one hundred": 100,
    "two hundred": 200,
    "a dozen": 12,
    "single": 1,
}
NUMBER = rf"(?:\d{{1,3}},\d{{3}}\b|\d{{1,5}}\b|(?:{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})\b)"

# What is asked first decides: "no less than" holds "less than".
_MEANINGS = {
    "least": r"at (?:the )?least|no (?:less|fewer) than|not (?:less|fewer) than|(?:a )?min(?:imum)?(?: of)?",
    "most": r"at (?:the )?most|(?:no|not) (?:more|longer) than|up to|within|not exceed(?:ing)?|(?:a"
    " )?limit(?:ed)? (?:of|to)"
    r"|(?:a )?max(?:imum)?(?: of)?",
    "under": r"(?:less|fewer|shorter) than|under|below",
    "over": r"(?:more|longer|greater) than|over|above",
    "about": r"about|around|approximately|approx\.?|roughly|circa|nearly|almost",
    "exact": r"exactly|precisely|only|just",
    "between": r"between",
}
_AFTERWARDS = {
    "least": r"or (?:more|over|above)|and above|min(?:imum)?\b|at least\b",
    "most": r"or (?:less|fewer|under|below)|and under|max(?:imum)?\b|at most\b|tops\b",
    "about": r"or so\b",
}
LEAD = rf"(?:{'|'.join(_MEANINGS.values())})"
_TAIL = rf"(?:,?\s*\(?(?:{'|'.join(_AFTERWARDS.values())}))"


class Unit(NamedTuple):
    """Something that is counted, and how a request has to speak of it.

    `noun` is its pattern, `before` what has to stand before a number that has no "at least" or the like, `never_before`
    what must not stand before it in any case, `never_after` what must not follow, `texts` what may follow "a 50-word".
    """

    noun: str
    before: str
    never_before: str
    never_after: str
    texts: str
    least_number: int = 1


_TEXTS = (
    r"\s+(?:[\w-]+\s+){0,2}?(?:summary|story|essay|article|paragraph|description|poem|review|letter|speech|report"
    r"|response"
    r"|answer|explanation|biography|bio|blog|post|e-?mail|introduction|overview|synopsis|abstract|statement|pitch"
    r"|message"
    r"|advertisement|ad|caption|sentence|slogan|headline|title|tagline|monologue|narrative|composition|passage|analysis"
    r"|dialogue|script|note|memo|proposal|tweet|definition|quote|song|rap|verse|recap|argument|critique|phrase)\b"
)
_INTO = r"\b(?:in|within|into|using|to|with|be|is|has|have|contains?|containing|answer:?|as)\s+(?:a\s+)?$"
_PART = (
    r"\b(?:provided with|given|presented with|add|adds|adding|chang\w+|replac\w+|remov\w+|insert\w*|find\w*|identify"
    r"|learn|count\w*|the|these|those|first|last)\s+$"
)
_WRITES = (
    r"(?:^|[.!?:,]\s*|\b(?:please|and|then|to|you|me)\s+)"
    r"(?:write|generate|create|compose|construct|produce|craft|formulate|provide|give|respond with|answer"
    r" with)\s+(?:me\s+)?$"
)
_CONSISTS = (
    r"\b(?:summary|paragraph|essay|story|description|response|answer|consists?|consisting|made up|poem|article) of\s+$"
)

WORDS = Unit(
    r"words?",
    rf"{_INTO}|{_CONSISTS}",
    rf"{_PART}|\b(?:list|name|provide|give|suggest|generate|brainstorm|list of|set of|of the|that|are)\s+$",
    r"\s*:|-|\s+(?:of|that|which|who|related|starting|beginning|ending|ends?|rhyming|from|describing|associated"
    r"|to describe"
    r"|for|given|provided|in the|of the|below|above|and their|such|like|you|pairs?|each|with|be|in all|in cap\w*"
    r"|longer|shorter|more|fewer|less|nouns?|names?)\b",
    _TEXTS,
)
CHARACTERS = Unit(
    r"characters?",
    r"\b(?:in|within|into|using|to|be|is)\s+$",
    _PART,
    r"\s+(?:in a|who|that|from|of|on|named|are|and|with)\b",
    r"\s+(?:[\w-]+\s+)?(?:tweet|message|text|description|summary|headline|title|post|bio|response|caption)\b",
    LEAST_SIZE,
)
SENTENCES = Unit(
    r"(?:(?:short|complete|full|simple|brief|concise|descriptive|different|unique|example|original|coherent|new)["
    r" -]+){0,2}"
    r"sentences?",
    rf"{_INTO}|{_WRITES}|{_CONSISTS}",
    _PART,
    r"\s+(?:that are|which|from|given|provided|below|above|in the|of the|into|per|is|are|each|or)\b",
    _TEXTS,
)
PARAGRAPHS = Unit(
    r"(?:(?:short|full|brief|concise|separate)[ -]+){0,2}paragraphs?",
    rf"{_INTO}|{_WRITES}|{_CONSISTS}",
    _PART,
    r"\s+(?:from|given|provided|below|above|of the|into|per|is|are|or|e-?mails?|letters?)\b",
    _TEXTS,
)


def mention(unit: Unit) -> str:
    """The pattern of a number of this unit. With two of them it is unclear which is the demand."""
    return rf"(?i)\b{NUMBER}\+?[ –-]+{unit.noun}\b"


# What is shared out is not counted over the whole answer.
SHARED_OUT = r"(?i)\b(?:each|every|per|apiece|respectively)\b"


def sentence_around(text: str, found: re.Match[str]) -> str:
    """The sentence in which something was found.

    >>> sentence_around("Sit down. Use 5 words each. Go.", re.search("5 words", "Sit down. Use 5 words each. Go."))
    ' Use 5 words each'
    """
    start = max(text.rfind(sign, 0, found.start()) for sign in _ENDS) + 1
    ends = [place for place in (text.find(sign, found.end()) for sign in _ENDS) if place >= 0]
    return text[start : min(ends, default=len(text))]


_ENDS = (". ", "? ", "! ", "\n", ".\n")


# Of each part, of a text that is planned or filled in, of key words: not of the answer.
_OF_OTHERS = re.compile(
    rf"{SHARED_OUT}|\b(?:plan|how to|schedule|blanks?|keywords? related|title and|structure)\b", re.IGNORECASE
)


@cache
def _stated(unit: Unit) -> re.Pattern[str]:
    return re.compile(
        rf"(?i)(?:\b(?P<lead>{LEAD})\s+)?(?P<article>an?\s+)?\b(?P<n>{NUMBER})(?:\s*(?:-|–|—|to|and"
        rf"|or)\s*(?P<m>{NUMBER}))?"
        rf"(?P<plus>\+)?[ –-]+{unit.noun}\b(?:\s+(?:long|in length)\b)?(?P<tail>{_TAIL})?"
    )


def bound(request: str, unit: Unit) -> Bound | None:
    """What the one mention in the request demands of the answer; None where that is in doubt."""
    found = _stated(unit).search(request)
    if found is None:
        return None
    before, after = request[: found.start()][-40:], request[found.end() :][:60]
    if said_in(unit.never_before, before) or re.match(unit.never_after, after, re.IGNORECASE):
        return None
    hard = found["lead"] or found["tail"] or found["plus"]
    article = found["article"] or re.search(r"\ban?\s+$", before, re.IGNORECASE)
    if not (hard or said_in(unit.before, before) or (article and re.match(unit.texts, after, re.IGNORECASE))):
        return None
    if _OF_OTHERS.search(sentence_around(request, found)):
        return None
    read = limits(
        found["lead"] or "", (found["tail"] or "") + (" or more" if found["plus"] else ""), found["n"], found["m"]
    )
    return read if read and max(read.least, min(read.most, ENDLESS)) >= unit.least_number else None


def said_in(pattern: str, text: str) -> bool:
    """Whether the pattern occurs, in any case."""
    return re.search(pattern, text, re.IGNORECASE) is not None


@lru_cache(maxsize=4096)
def limits(lead: str, tail: str, first: str, second: str | None) -> Bound | None:
    """The bound that words around one or two written numbers make of them.

    >>> limits("no more than", "", "fifty", None), limits("less than", "", "10", None)
    (Bound(least=0, most=50, is_size=False), Bound(least=0, most=9, is_size=False))
    >>> limits("about", "", "200", None), limits("", "", "three", "5")
    (Bound(least=180, most=220, is_size=True), Bound(least=3, most=5, is_size=False))
    """
    low = number(first)
    high = number(second) if second else low
    meaning = _meaning(lead, _MEANINGS) or _meaning(tail, _AFTERWARDS)
    if low is None or high is None or high < low or (meaning == "between" and second is None):
        return None
    if meaning == "about" or (meaning is None and second is None and low >= LEAST_SIZE):
        margin = math.ceil(low * ABOUT)
        return Bound(low - margin, high + margin, is_size=True)
    ends = {"least": (low, ENDLESS), "over": (low + 1, ENDLESS), "most": (0, high), "under": (0, high - 1)}
    return Bound(*ends.get(meaning or "", (low, high)))


def _meaning(said: str, meanings: dict[str, str]) -> str | None:
    return next((name for name, pattern in meanings.items() if said and said_in(rf"\b(?:{pattern})", said)), None)


def number(written: str) -> int | None:
    """A number in digits or as a word.

    >>> number("1,200"), number("Twelve"), number("many")
    (1200, 12, None)
    """
    plain = written.lower().replace(",", "")
    return int(plain) if plain.isdecimal() else _NUMBERS.get(plain)
