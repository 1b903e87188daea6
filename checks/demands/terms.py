"""Words that a request demands or forbids, and the words that an answer has to begin or end with."""

import re

from checks.demands.bounds import NUMBER, limits, sentence_around

# A demand of more words, or of longer ones, is a text to work on.
MAX_TERMS = 15
MAX_TERM_WORDS = 6
MAX_BARE_WORDS = 2

_QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "«": '"', "»": '"', "\u00a0": " "})
QUOTED = r"\"[^\"\n]{1,120}\"|(?<!\w)'[^'\n]{1,120}'(?!\w)"
_TERM_NOUN = r"(?:key ?)?(?:words?|phrases?|terms?)"
_QUOTED_LIST = rf"(?P<quoted>(?:{QUOTED})(?:(?:,? (?:and|&) |[,.]? ?|, )(?:{QUOTED}))*)"
_BARE_LIST = (
    r"(?:- )?(?P<bare>\w[\w'-]*(?: [\w'-]+)?(?:, ?[\w'-]+(?: [\w'-]+)?)*(?:,? (?:and|&) [\w'-]+(?: [\w'-]+)?)?)"
    r"[ .]*(?:$|\n)"
)
_USES = (
    r"\b(?:us(?:e|es|ing)|includ(?:e|es|ing)|contain(?:s|ing)?|incorporat(?:e|es|ing)|mention(?:s|ing)?"
    r"|featur(?:es?|ing)"
    r"|(?<!associated )(?<!pair )(?<!related )(?<!rhyme )(?<!rhymes )(?<!begins )(?<!starts )(?<!ends )(?<!begin"
    r" )(?<!start )(?<!end )(?<!do )with)"
)
_MANY = r"(?:all|each|of|the|these|this|both|those|following|given|two|three|four|five|\d|exact|specific|provided)"
USES_TERMS = (
    rf"(?i)\b(?:us(?:e|es|ing)|includ|contain|incorporat|with|mention|featur)[a-z]* (?:[a-z0-9,]+ ){{0,6}}?{_TERM_NOUN}"
)
_REQUIRED = re.compile(
    rf"{_USES}(?: {_MANY}){{0,4}} (?P<noun>{_TERM_NOUN})(?: {_MANY})?:?\s+(?:{_QUOTED_LIST}|{_BARE_LIST})",
    re.IGNORECASE,
)
_USES_GIVEN = re.compile(
    rf"{_USES}(?: {_MANY}){{0,4}} (?:following|given|provided|these) (?:\w+ )?{_TERM_NOUN}(?: (?:given|provided"
    rf"|below))?"
    rf"(?: in (?:a|an|your|the) (?:\w+ )?\w+)?[ .:]*$|{_USES} the {_TERM_NOUN} (?:given|provided|below)[ .:]*$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^\s*(?:the )?(?:key ?)?(?:words?|phrases?|terms?)\s*(?:list)?\s*[:-]\s*", re.IGNORECASE)
# What is done to a word is no demand that it stands in the answer; nor is one word out of several.
_OTHER_TASKS = re.compile(
    r"\b(?:acrostic|anagram|rhym\w*|synonyms?|antonyms?|replac\w*|without|not|\w+n't|avoid\w*|once or less|at"
    r" most|less than|fewer than|never|instead|translat\w*|defin\w*"
    r"|mean\w*|categor\w*|classif\w*|sort|(?:re-?)?arrang\w*|rearrang\w*|compar\w*|differen\w*|explain|identif\w*"
    r"|count|code"
    r"|function|sql|query|regex|homophones?|riddle|crossword|scenario|situation|when|how|program|script|html|pun"
    r"|compound"
    r"|different|form|tense|plural|instance|each|every|repeat|search|table|list|javascript|python|letters|end"
    r"|ends|finish|begin|begins|start|starts)\b",
    re.IGNORECASE,
)


def plain_quotes(text: str) -> str:
    """The text with straight quotation marks and plain spaces."""
    straight = text.replace("`", "'")
    return straight if straight.isascii() else straight.translate(_QUOTES)


def required_words(request: str, context: str, answer: str) -> bool | None:
    """Whether every word that the request demands stands in the answer, in some form; None where it demands none.

    >>> required_words('Write a line using the words "sun" and "sea".', "", "The sunny sea.")
    True
    >>> required_words("Write a poem with the following words:", "moon, river", "The moon is up.")
    False
    """
    asked = plain_quotes(request)
    found = [one for one in _REQUIRED.finditer(asked) if not _OTHER_TASKS.search(unquoted(sentence_around(asked, one)))]
    if found and not context:
        lists, exact = [_listed(one) for one in found], "key" in found[0]["noun"].lower()
        terms = None if None in lists else [term for listed in lists for term in listed or ()]
    elif found or not context or not _USES_GIVEN.search(asked) or _OTHER_TASKS.search(unquoted(asked)):
        return None
    else:
        terms, exact = _split(_LABEL.sub("", plain_quotes(context))), False
    if terms is None:
        return None
    said = plain_quotes(answer).lower()
    return all(_occurs(term, said, exact) for term in terms)


def unquoted(text: str) -> str:
    """The text without what it quotes."""
    return re.sub(QUOTED, "", text)


def _listed(found: re.Match[str]) -> list[str] | None:
    if found["quoted"]:
        quoted = ",".join(part[1:-1] for part in re.findall(QUOTED, found["quoted"]))
        terms = [term.strip(" ,.!?;:") for term in quoted.split(",") if term.strip(" ,.!?;:")]
        return terms if terms and all(0 < len(term.split()) <= MAX_TERM_WORDS for term in terms) else None
    return _split(found["bare"])


def _split(text: str) -> list[str] | None:
    parts = [
        part.strip(" \"'.") for part in re.split(r"\s*(?:[,;\n]|\s&\s|\band\b)\s*", text.strip()) if part.strip(" \"'.")
    ]
    usable = 0 < len(parts) <= MAX_TERMS and all(len(part.split()) <= MAX_BARE_WORDS for part in parts)
    return parts if usable and not re.search(r"\bor\b|[:()/<>\[\]]|\d", text) else None


def _occurs(term: str, answer: str, exact: bool) -> bool:
    """Whether the term stands there, or, unless it is to be exact, each of its words up to its ending."""
    wanted = " ".join(term.lower().split())
    return wanted in answer or (
        not exact and all(re.search(rf"(?<!\w){re.escape(_stem(word))}", answer) for word in wanted.split())
    )


def _stem(word: str) -> str:
    return word[: max(4, len(word) - 5)].removesuffix("y") if len(word) > 3 else word


_BANS = (
    r"(?:without(?: the use of| using| saying| mentioning)?|(?:do not|don't|must not|should not|cannot|can't"
    r"|never|to not|not to)"
    r" (?:use|include|contain|mention|say|write)|not (?:use|using|include|contain|containing|mention)"
    r"|avoid(?:ing)?(?: using"
    r"| the use of)?|refrain from (?:using|including|mentioning))"
)
_BANNED = r"(?P<bare>[\w'-]+(?:, ?[\w'-]+)*(?:,? (?:and|or|&) [\w'-]+)?)"
_BANNED_BARE = rf"{_BANNED}(?= in (?:your|the|its)\b| anywhere|[.;!\n]|,? but\b|\s*$)"
_FORBIDDEN = re.compile(
    rf"\b{_BANS}(?: any of)?(?: the)?(?: following)? (?P<noun>(?:key ?)?words?|phrases?|terms?|letters?):?\s+"
    rf"(?:{_QUOTED_LIST.replace('and|&', 'and|or|&')}|{_BANNED_BARE})"
    rf"|\b{_BANS} {_QUOTED_LIST.replace('quoted', 'plain').replace('and|&', 'and|or|&')}"
    rf"|\bthe (?:key ?)?(?:words?|phrases?) {_QUOTED_LIST.replace('quoted', 'passive')} (?:should|must|may|can)"
    rf" (?:not|never)"
    rf" (?:appear|be|occur)",
    re.IGNORECASE,
)


def forbidden_words(request: str, context: str, answer: str) -> bool | None:
    """Whether no word or letter that the request forbids stands in the answer; None where it forbids none.

    >>> forbidden_words('Describe tea without using the word "leaf".', "", "A Leaf in water.")
    False
    """
    asked, verdicts = plain_quotes(request), []
    found = list(_FORBIDDEN.finditer(asked))
    said = plain_quotes(answer).lower() if found else ""
    for one in found:
        if _OF_THINGS.search(asked[: one.start()]):
            return None
        quoted = one["quoted"] or one["plain"] or one["passive"]
        parts = re.findall(QUOTED, quoted) if quoted else re.split(r",? (?:and|or|&) |, ?", one["bare"])
        terms = [part.strip("\"' ,.").lower() for part in parts]
        if any(term in _NO_TERMS or not term for term in terms):
            return None
        is_letter = (one["noun"] or "").lower().startswith("letter")
        verdicts.append(not any(term in said if is_letter else _times(term, said, whole=True) for term in terms))
    return all(verdicts) if verdicts else None


_OF_THINGS = re.compile(
    r"\b(?:words|names|items|strings|numbers|ones|those|lines|sentences|people) (?:that|which|who)\s+$", re.IGNORECASE
)
# "Without using the words of the original", "the verb to be": no word is named.
_NO_TERMS = frozenset(
    {"of", "to be", "in", "from", "that", "more", "times", "listed", "above", "below", "such", "like", "as"}
)


_TIMES = re.compile(
    rf"\b(?P<kind>word|keyword|letter|phrase) (?P<term>{QUOTED}|[\w-]+)(?: (?:should|must|needs? to|has to|to))?"
    rf"(?: (?:appears?|be used|occurs?|show up|be included|be mentioned|appearing))?(?: in (?:your|the) (?:entire"
    rf" )?\w+)?(?: for)?"
    rf" (?:(?P<lead>at least|at most|less than|fewer than|more than|no more than|no less than|exactly|only) )?"
    rf"(?:(?P<n>{NUMBER})(?: ?(?:-|to|or) ?(?P<m>{NUMBER}))? times|(?P<once>once|twice))(?P<tail>,? or (?:more"
    rf"|less|fewer))?",
    re.IGNORECASE,
)


def term_frequency(request: str, context: str, answer: str) -> bool | None:
    """Whether each word or letter that the request counts occurs as often as it says; None where it counts none.

    >>> term_frequency("Praise tea. The word tea should appear at least 3 times.", "", "Tea! Tea!")
    False
    """
    found = list(_TIMES.finditer(plain_quotes(request)))
    said = plain_quotes(answer).lower() if found else ""
    verdicts = [_as_often(one, said) for one in found]
    return None if None in verdicts or not verdicts else all(verdicts)


def _as_often(one: re.Match[str], said: str) -> bool | None:
    written = one["n"] or {"once": "1", "twice": "2"}[one["once"].lower()]
    read = limits(one["lead"] or "exactly", one["tail"] or "", written, one["m"])
    term = one["term"].strip("\"'").lower()
    if read is None or not term:
        return None
    if one["kind"].lower() == "letter":
        return read.least <= said.count(term) <= read.most
    return _times(term, said, whole=True) <= read.most and _times(term, said, whole=False) >= read.least


def _times(term: str, answer: str, *, whole: bool) -> int:
    end = r"(?!\w)" if whole else ""
    return len(re.findall(rf"(?<!\w){re.escape(term.lower())}{end}", answer))
