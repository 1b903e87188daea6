"""What a request demands of the whole text of an answer: its case, no commas, quotation marks around it."""

import re

from checks.demands.bounds import NUMBER, limits, sentence_around
from checks.demands.marks import COUNT, LEADS

# Where an input is to be changed or a program written, the case is not the answer's.
_MADE = re.compile(
    r"\b(?:functions?|program|regex|regular expression|query|sql|python|java|javascript|c\+\+|password|username"
    r"|string|csv"
    r"|convert\w*|capitali[sz]e the|first letter|(?:one|1|an?|both) (?:upper|lower|capital)\w*)\b",
    re.IGNORECASE,
)
# A title, a column or a word that is given, rather than the answer.
_OF_PARTS = re.compile(r"\b(?:titles?|headings?|headers?|columns?|tables?|replac\w+|spel(?:t|led))\b", re.IGNORECASE)
_CAPITALS = re.compile(
    r"\b(?:all|only|entirely|everything|fully|completely)(?: be)?(?: in)?[ -](?:all )?(?:english"
    r" )?(?:capital(?:ized|s)?(?: letters)?"
    r"|caps|upper-? ?case)\b|\bin (?:upper-? ?case|capital letters|capitals)\b|\bcapitali[sz]e every letter\b"
    r"|\buse capital letters only\b"
    r"|\ball letters (?:in|of) [^.\n]{0,30}(?:should|must) be capitalized\b",
    re.IGNORECASE,
)
_SMALL = re.compile(
    r"\b(?:all|only|entirely|everything|in|use|using|fully) (?:in |be |the )?(?:all )?(?:english )?lower-? ?cases?\b"
    r"|\b(?:no|without(?: using)?(?: any)?|not use(?: any)?|don't use(?: any)?|avoid(?: using)?) (?:capital"
    r"|upper-? ?case) letters\b"
    r"|\bno capital letters\b|\bno capitals\b",
    re.IGNORECASE,
)
_CAPITAL_WORDS = re.compile(r"\bwords?\b[^.\n]{0,40}\b(?:in )?(?:all )?(?:capital|caps|upper-? ?case)", re.IGNORECASE)
_CAPITAL_TIMES = re.compile(
    rf"\bwords? (?:with|in) all (?:capital letters|caps|capitals)[^.\n]{{0,60}}?{COUNT} times\b"
    rf"|\b(?P<lead2>{LEADS}) (?P<n2>{NUMBER}) words (?:be |with |are )?(?:in )?all (?:capital letters|caps|capitals)",
    re.IGNORECASE,
)


def letter_case(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer is in capitals, or has none, as the request says; None where it says nothing of it.

    >>> letter_case("Praise tea in all capital letters.", "", "TEA IS GOOD.")
    True
    >>> letter_case("Use all lowercase.", "", "I do.")
    False
    """
    if _CAPITAL_WORDS.search(request):
        return _capital_words(request, answer)
    capitals, small = _CAPITALS.search(request), _SMALL.search(request)
    demand = capitals or small
    if demand is None or (capitals and small) or _MADE.search(request) or answer.lower() == answer.upper():
        return None
    if _OF_PARTS.search(sentence_around(request, demand)):
        return None
    return answer == (answer.upper() if capitals else answer.lower()) or not re.search(
        r"[a-zà-öø-ÿа-яα-ω]" if capitals else r"[A-ZÀ-ÖØ-ÞА-ЯΑ-Ω]", answer
    )


def _capital_words(request: str, answer: str) -> bool | None:
    found = list(_CAPITAL_TIMES.finditer(request))
    if len(found) != 1:
        return None
    one = found[0]
    read = limits(one["lead"] or one["lead2"] or "exactly", one["tail"] or "", one["n"] or one["n2"], one["m"])
    if read is None:
        return None
    words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", answer)
    shouted = [word for word in words if word == word.upper() != word.lower()]
    return sum(len(word) > 1 for word in shouted) <= read.most and len(shouted) >= read.least


_NO_COMMAS = re.compile(
    r"\b(?:no|without(?: using| the use of| including)?(?: any)?|(?:do not|don['’]t|doesn['’]t|does not|should"
    r" not|must not|cannot|not to|never"
    r"|not allowed to) (?:use|include|contain|have|put|using)(?: any)?|not (?:use|contain|include|have|using)(?:"
    r" any)?|avoid(?:ing)?(?: using"
    r"| the use of)?(?: any)?|refrain from (?:using |the use of |including )?(?:any )?|(?:use|contain|include|be"
    r"|have)s? no|free of)"
    r" ?commas?\b|\bcommas are (?:not allowed|forbidden)\b",
    re.IGNORECASE,
)


def no_commas(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer has no comma where the request forbids them; None where it does not.

    >>> no_commas("Describe a cat. Do not use any commas.", "", "Small, soft.")
    False
    """
    if not _NO_COMMAS.search(request) or _MADE.search(request):
        return None
    return not re.search(r"[,，、،]", answer)


_WRAPPED = re.compile(
    r"\b(?:wrap(?:ped)?|put|enclose[ds]?|surround(?:ed)?|place[ds]?|add|within|in|inside|with)\b[^.\n]{0,60}"
    r"\b(?:double )?(?:quotation|quote)s? ?(?:marks?|symbols?)?\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\b(?:entire|whole|full|complete|your|the) (?:response|answer|reply|output|text|poem|essay|letter|article)\b"
    r"|\byour everything\b",
    re.IGNORECASE,
)


def quoted(request: str, context: str, answer: str) -> bool | None:
    """Whether the whole answer stands in quotation marks where the request says so; None where it does not.

    >>> quoted("Greet me. Wrap your entire response with double quotation marks.", "", '"Hello."')
    True
    """
    found = _WRAPPED.search(request)
    around = request[max(0, found.start() - 60) : found.end() + 60] if found else ""
    if (
        found is None
        or not _WHOLE.search(around)
        or re.search(r"\b(?:title|word|name)\b", found.group(0), re.IGNORECASE)
    ):
        return None
    plain = answer.strip()
    return len(plain) > 1 and plain[0] in '"“„«' and plain[-1] in '"”“»'
