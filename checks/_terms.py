"""Words that a request demands or forbids, and the words that an answer has to begin or end with."""

import re

from checks._bounds import NUMBER, limits, sentence_around

# A demand of more words, or of longer ones, is a text to work on.
MAX_TERMS = 15
MAX_TERM_WORDS = 6
MAX_BARE_WORDS = 2

_QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "`": "'", "«": '"', "»": '"', "\u00a0": " "})
_QUOTED = r"\"[^\"\n]{1,120}\"|(?<!\w)'[^'\n]{1,120}'(?!\w)"
_TERM_NOUN = r"(?:key ?)?(?:words?|phrases?|terms?)"
_QUOTED_LIST = rf"(?P<quoted>(?:{_QUOTED})(?:(?:,? (?:and|&) |[,.]? ?|, )(?:{_QUOTED}))*)"
_BARE_LIST = r"(?:- )?(?P<bare>\w[\w'-]*(?: [\w'-]+)?(?:, ?[\w'-]+(?: [\w'-]+)?)*(?:,? (?:and|&) [\w'-]+(?: [\w'-]+)?)?)[ .]*(?:$|\n)"
_USES = (
    r"\b(?:us(?:e|es|ing)|includ(?:e|es|ing)|contain(?:s|ing)?|incorporat(?:e|es|ing)|mention(?:s|ing)?|featur(?:es?|ing)"
    r"|(?<!associated )(?<!pair )(?<!related )(?<!rhyme )(?<!rhymes )(?<!begins )(?<!starts )(?<!ends )(?<!begin )(?<!start )(?<!end )(?<!do )with)"
)
_MANY = r"(?:all|each|of|the|these|this|both|those|following|given|two|three|four|five|\d|exact|specific|provided)"
USES_TERMS = rf"(?i)\b(?:us(?:e|es|ing)|includ|contain|incorporat|with|mention|featur)[a-z]* (?:[a-z0-9,]+ ){{0,6}}?{_TERM_NOUN}"
_REQUIRED = re.compile(
    rf"{_USES}(?: {_MANY}){{0,4}} (?P<noun>{_TERM_NOUN})(?: {_MANY})?:?\s+(?:{_QUOTED_LIST}|{_BARE_LIST})", re.IGNORECASE
)
_USES_GIVEN = re.compile(
    rf"{_USES}(?: {_MANY}){{0,4}} (?:following|given|provided|these) (?:\w+ )?{_TERM_NOUN}(?: (?:given|provided|below))?"
    rf"(?: in (?:a|an|your|the) (?:\w+ )?\w+)?[ .:]*$|{_USES} the {_TERM_NOUN} (?:given|provided|below)[ .:]*$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^\s*(?:the )?(?:key ?)?(?:words?|phrases?|terms?)\s*(?:list)?\s*[:-]\s*", re.IGNORECASE)
# What is done to a word is no demand that it stands in the answer; nor is one word out of several.
_OTHER_TASKS = re.compile(
    r"\b(?:acrostic|anagram|rhym\w*|synonyms?|antonyms?|replac\w*|without|not|\w+n't|avoid\w*|once or less|at most|less than|fewer than|never|instead|translat\w*|defin\w*"
    r"|mean\w*|categor\w*|classif\w*|sort|(?:re-?)?arrang\w*|rearrang\w*|compar\w*|differen\w*|explain|identif\w*|count|code"
    r"|function|sql|query|regex|homophones?|riddle|crossword|scenario|situation|when|how|program|script|html|pun|compound"
    r"|different|form|tense|plural|instance|each|every|repeat|search|table|list|javascript|python|letters|end|ends|finish|begin|begins|start|starts)\b",
    re.IGNORECASE,
)


def plain_quotes(text: str) -> str:
    """The text with straight quotation marks and plain spaces."""
    return text.translate(_QUOTES)


def required_words(request: str, context: str, answer: str) -> bool | None:
    """Whether every word that the request demands stands in the answer, in some form; None where it demands none.

    >>> required_words('Write a line using the words "sun" and "sea".', "", "The sunny sea.")
    True
    >>> required_words("Write a poem with the following words:", "moon, river", "The moon is up.")
    False
    """
    asked = plain_quotes(request)
    found = [one for one in _REQUIRED.finditer(asked) if not _OTHER_TASKS.search(_unquoted(sentence_around(asked, one)))]
    said = plain_quotes(answer).lower()
    if found and not context:
        terms = [_listed(one) for one in found]
        exact = "key" in found[0]["noun"].lower()
        return None if None in terms else all(_occurs(term, said, exact) for some in terms if some for term in some)
    if found or not context or not _USES_GIVEN.search(asked) or _OTHER_TASKS.search(_unquoted(asked)):
        return None
    given = _split(_LABEL.sub("", plain_quotes(context)))
    return None if given is None else all(_occurs(term, said, False) for term in given)


def _unquoted(text: str) -> str:
    return re.sub(_QUOTED, "", text)


def _listed(found: re.Match[str]) -> list[str] | None:
    if found["quoted"]:
        quoted = ",".join(part[1:-1] for part in re.findall(_QUOTED, found["quoted"]))
        terms = [term.strip(" ,.!?;:") for term in quoted.split(",") if term.strip(" ,.!?;:")]
        return terms if terms and all(0 < len(term.split()) <= MAX_TERM_WORDS for term in terms) else None
    return _split(found["bare"])


def _split(text: str) -> list[str] | None:
    parts = [part.strip(" \"'.") for part in re.split(r"\s*(?:[,;\n]|\s&\s|\band\b)\s*", text.strip()) if part.strip(" \"'.")]
    usable = 0 < len(parts) <= MAX_TERMS and all(len(part.split()) <= MAX_BARE_WORDS for part in parts)
    return parts if usable and not re.search(r"\bor\b|[:()/<>\[\]]|\d", text) else None


def _occurs(term: str, answer: str, exact: bool) -> bool:
    """Whether the term stands there, or, unless it is to be exact, each of its words up to its ending."""
    wanted = " ".join(term.lower().split())
    return wanted in answer or not exact and all(re.search(rf"(?<!\w){re.escape(_stem(word))}", answer) for word in wanted.split())


def _stem(word: str) -> str:
    return word[: max(4, len(word) - 5)].removesuffix("y") if len(word) > 3 else word


_BANS = (
    r"(?:without(?: the use of| using| saying| mentioning)?|(?:do not|don't|must not|should not|cannot|can't|never|to not|not to)"
    r" (?:use|include|contain|mention|say|write)|not (?:use|using|include|contain|containing|mention)|avoid(?:ing)?(?: using"
    r"| the use of)?|refrain from (?:using|including|mentioning))"
)
DENIES = r"(?i)(?:without|not|n't|n’t|avoid|refrain|never)\b[^\n]{0,60}(?:word|phrase|term|letter|[\"“'‘])|word[^\n]{0,40} not\b"
_BANNED_BARE = (
    r"(?P<bare>[\w'-]+(?:, ?[\w'-]+)*(?:,? (?:and|or|&) [\w'-]+)?)(?= in (?:your|the|its)\b| anywhere|[.;!\n]|,? but\b|\s*$)"
)
_FORBIDDEN = re.compile(
    rf"\b{_BANS}(?: any of)?(?: the)?(?: following)? (?P<noun>(?:key ?)?words?|phrases?|terms?|letters?):?\s+"
    rf"(?:{_QUOTED_LIST.replace('and|&', 'and|or|&')}|{_BANNED_BARE})"
    rf"|\b{_BANS} {_QUOTED_LIST.replace('quoted', 'plain').replace('and|&', 'and|or|&')}"
    rf"|\bthe (?:key ?)?(?:words?|phrases?) {_QUOTED_LIST.replace('quoted', 'passive')} (?:should|must|may|can) (?:not|never)"
    rf" (?:appear|be|occur)",
    re.IGNORECASE,
)


def forbidden_words(request: str, context: str, answer: str) -> bool | None:
    """Whether no word or letter that the request forbids stands in the answer; None where it forbids none.

    >>> forbidden_words('Describe tea without using the word "leaf".', "", "A Leaf in water.")
    False
    """
    said, verdicts = plain_quotes(answer).lower(), []
    asked = plain_quotes(request)
    for one in _FORBIDDEN.finditer(asked):
        if _OF_THINGS.search(asked[: one.start()]):
            return None
        quoted = one["quoted"] or one["plain"] or one["passive"]
        parts = re.findall(_QUOTED, quoted) if quoted else re.split(r",? (?:and|or|&) |, ?", one["bare"])
        terms = [part.strip("\"' ,.").lower() for part in parts]
        if any(term in _NO_TERMS or not term for term in terms):
            return None
        is_letter = (one["noun"] or "").lower().startswith("letter")
        verdicts.append(not any(term in said if is_letter else _times(term, said, whole=True) for term in terms))
    return all(verdicts) if verdicts else None


_OF_THINGS = re.compile(r"\b(?:words|names|items|strings|numbers|ones|those|lines|sentences|people) (?:that|which|who)\s+$", re.IGNORECASE)
# "Without using the words of the original", "the verb to be": no word is named.
_NO_TERMS = frozenset({"of", "to be", "in", "from", "that", "more", "times", "listed", "above", "below", "such", "like", "as"})


_TIMES = re.compile(
    rf"\b(?P<kind>word|keyword|letter|phrase) (?P<term>{_QUOTED}|[\w-]+)(?: (?:should|must|needs? to|has to|to))?"
    rf"(?: (?:appears?|be used|occurs?|show up|be included|be mentioned|appearing))?(?: in (?:your|the) (?:entire )?\w+)?(?: for)?"
    rf" (?:(?P<lead>at least|at most|less than|fewer than|more than|no more than|no less than|exactly|only) )?"
    rf"(?:(?P<n>{NUMBER})(?: ?(?:-|to|or) ?(?P<m>{NUMBER}))? times|(?P<once>once|twice))(?P<tail>,? or (?:more|less|fewer))?",
    re.IGNORECASE,
)


def term_frequency(request: str, context: str, answer: str) -> bool | None:
    """Whether each word or letter that the request counts occurs as often as it says; None where it counts none.

    >>> term_frequency("Praise tea. The word tea should appear at least 3 times.", "", "Tea! Tea!")
    False
    """
    said = plain_quotes(answer).lower()
    verdicts = [_as_often(one, said) for one in _TIMES.finditer(plain_quotes(request))]
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


_PIECE = (
    r"(?:response|answer|reply|output|story|essay|letter|email|poem|sentence|paragraph|article|speech|post|anecdote|tale"
    r"|narrative|joke|text|it|message|dialogue|monologue|song|blog post|summary|question|statement|twister|haiku)"
)
_SAYING = r"(?:the |this |these |a |exact |exactly |same |following |given |phrase|words?|sentence|line|text|question|statement|clause)*"
_BEGINS = re.compile(
    rf"(?:\b(?P<piece>{_PIECE}),? (?:(?:that|which|must|should|to) )?)?(?:start|begin|open)(?:s|ing)? (?:your |the |its? |off )*"
    rf"(?:(?:entire |whole )?{_PIECE} )?(?:off )?with {_SAYING}[:,]?\s*(?P<quoted>{_QUOTED})",
    re.IGNORECASE,
)
_BEGINS_GIVEN = re.compile(
    rf"\b{_PIECE} (?:(?:that|which) )?(?:start|begin)(?:s|ing)? with (?:the|this) (?:given |following )?(?:sentence|phrase|line)[ .:]*$",
    re.IGNORECASE,
)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_NTH_PARAGRAPH = r"(?:(?P<nth>first|second|third|fourth|fifth|\dth|1st|2nd|3rd) paragraph|paragraph (?P<number>\d))"
_NTH = re.compile(
    rf"\b{_NTH_PARAGRAPH}(?: (?:must|should|needs to|has to))? (?:start|begin)s? with (?:the )?(?:word )?(?P<quoted>{_QUOTED}|[A-Za-z]+)"
    rf"|\b(?:start|begin) (?:the )?{_NTH_PARAGRAPH.replace('nth', 'th').replace('number', 'figure')} with (?:the )?(?:word )?"
    rf"(?P<word>{_QUOTED}|[A-Za-z]+)",
    re.IGNORECASE,
)
_ENDS = re.compile(
    rf"(?i:(?:end|finish|conclude|close)(?:s|ing)? (?:your |the |it |its? |off )*(?:(?:entire |whole )?{_PIECE} )?with {_SAYING})[:,]?\s*"
    rf"(?:(?P<quoted>{_QUOTED})|(?P<bare>[A-Z][^\n\"]{{4,80}}?[.?!])(?=\s|$))"
    rf"|(?i:\bend of your (?:entire )?{_PIECE} should (?:read|be|say))[:,]?\s*(?P<read>{_QUOTED})",
)
_NO_TEXT = re.compile(
    r"\b(?:letters? [\"']?\w\b|regex|regular expression|quer(?:y|ies)|match\w*|function|program|code|filter|strings?|names?|words? (?:that"
    r"|which|starting|ending|beginning)|each|every|all (?:the )?(?:words|lines|sentences)|rewrite|last name|note|postscript|terms|titles|clause|punchline|add)\b",
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
    return any(_bare(line).startswith(_bare(phrase)) for line in lines)


def _is_about(asked: str, found: re.Match[str] | bool | None) -> bool:
    """Whether it is words, names or a program that shall begin or end so."""
    return isinstance(found, re.Match) and _NO_TEXT.search(_unquoted(sentence_around(asked, found))) is not None


def _nth_begins(found: re.Match[str], answer: str) -> bool:
    named = (found["number"] or found["figure"] or found["nth"] or found["th"]).lower()
    place = int(named[0]) if named[0].isdigit() else _ORDINALS[named]
    paragraphs = [part for part in re.split(r"\n\s*\n", answer.strip()) if part.strip()]
    opening = _bare(found["quoted"] or found["word"])
    return any(_bare(part).startswith(opening) for part in paragraphs[place - 1 : place])


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
    return _bare(answer[-_READ_OF_END:]).endswith(phrase) if len(phrase) > 1 else None


# More than any demand of an ending is long.
_READ_OF_END = 2000


def _bare(text: str) -> str:
    """Words and the signs between them: what a reader compares."""
    return " ".join(re.findall(r"[\w'-]+", plain_quotes(text).lower())).strip("'-_ ")

