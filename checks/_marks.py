"""The form that a request demands of the whole answer: case, commas, quotation marks, and parts with marks of their own."""

import re

from checks._bounds import NUMBER, limits

_LEADS = r"(?:at least|at most|less than|fewer than|more than|no more than|up to|exactly|only|a minimum of|a maximum of|over|about)"
_COUNT = rf"(?:(?P<lead>{_LEADS}) )?(?P<n>{NUMBER})(?: ?(?:-|–|to|or) ?(?P<m>{NUMBER}))?(?P<tail> or more)?"
# Where an input is to be changed or a program written, the case is not the answer's.
_MADE = re.compile(
    r"\b(?:functions?|program|regex|regular expression|query|sql|python|java|javascript|c\+\+|password|username|string|csv"
    r"|convert\w*|capitali[sz]e the|first letter|(?:one|1|an?|both) (?:upper|lower|capital)\w*)\b",
    re.IGNORECASE,
)
_CAPITALS = re.compile(
    r"\b(?:all|only|entirely|everything|fully|completely)(?: be)?(?: in)?[ -](?:all )?(?:english )?(?:capital(?:ized|s)?(?: letters)?"
    r"|caps|upper-? ?case)\b|\bin (?:upper-? ?case|capital letters|capitals)\b|\bcapitali[sz]e every letter\b|\buse capital letters only\b"
    r"|\ball letters (?:in|of) [^.\n]{0,30}(?:should|must) be capitalized\b",
    re.IGNORECASE,
)
_SMALL = re.compile(
    r"\b(?:all|only|entirely|everything|in|use|using|fully) (?:in |be |the )?(?:all )?(?:english )?lower-? ?cases?\b"
    r"|\b(?:no|without(?: using)?(?: any)?|not use(?: any)?|don't use(?: any)?|avoid(?: using)?) (?:capital|upper-? ?case) letters\b"
    r"|\bno capital letters\b|\bno capitals\b",
    re.IGNORECASE,
)
_CAPITAL_WORDS = re.compile(r"\bwords?\b[^.\n]{0,40}\b(?:in )?(?:all )?(?:capital|caps|upper-? ?case)", re.IGNORECASE)
_CAPITAL_TIMES = re.compile(
    rf"\bwords? (?:with|in) all (?:capital letters|caps|capitals)[^.\n]{{0,60}}?{_COUNT} times\b"
    rf"|\b(?P<lead2>{_LEADS}) (?P<n2>{NUMBER}) words (?:be |with |are )?(?:in )?all (?:capital letters|caps|capitals)",
    re.IGNORECASE,
)


def letter_case(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer is in capitals, or has none, as the request says; None where it says nothing of it.

    >>> letter_case("Praise tea in all capital letters.", "", "TEA IS GOOD."), letter_case("Use all lowercase.", "", "I do.")
    (True, False)
    """
    if _CAPITAL_WORDS.search(request):
        return _capital_words(request, answer)
    capitals, small = _CAPITALS.search(request), _SMALL.search(request)
    if bool(capitals) == bool(small) or _MADE.search(request) or answer.lower() == answer.upper():
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
    r"\b(?:no|without(?: using| the use of| including)?(?: any)?|(?:do not|don['’]t|doesn['’]t|does not|should not|must not|cannot|not to|never"
    r"|not allowed to) (?:use|include|contain|have|put|using)(?: any)?|not (?:use|contain|include|have|using)(?: any)?|avoid(?:ing)?(?: using"
    r"| the use of)?(?: any)?|refrain from (?:using |the use of |including )?(?:any )?|(?:use|contain|include|be|have)s? no|free of)"
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
    r"\b(?:entire|whole|full|complete|your|the) (?:response|answer|reply|output|text|poem|essay|letter|article)\b|\byour everything\b",
    re.IGNORECASE,
)


def quoted(request: str, context: str, answer: str) -> bool | None:
    """Whether the whole answer stands in quotation marks where the request says so; None where it does not.

    >>> quoted("Greet me. Wrap your entire response with double quotation marks.", "", '"Hello."')
    True
    """
    found = _WRAPPED.search(request)
    around = request[max(0, found.start() - 60) : found.end() + 60] if found else ""
    if found is None or not _WHOLE.search(around) or re.search(r"\b(?:title|word|name)\b", found.group(0), re.IGNORECASE):
        return None
    plain = answer.strip()
    return len(plain) > 1 and plain[0] in "\"“„«" and plain[-1] in "\"”“»"


def title_in_brackets(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer has a <<title>> where the request demands one; None where it does not.

    >>> title_in_brackets("Write a poem with a title in double angular brackets.", "", "<<Tea>>\\nWarm.")
    True
    """
    if not re.search(r"double ang(?:ular|le)d? brackets|<<[\w ]+>>", request, re.IGNORECASE) or "title" not in request.lower():
        return None
    return re.search(r"<<[^<>\n]*\w[^<>\n]*>>", answer) is not None


_BULLETS = re.compile(
    rf"\b{_COUNT}[ -](?!level)(?:[\w-]+ ){{0,2}}?bullet(?:ed)?(?: |-)?(?:points?|lists?|items?|s)?\b(?! (?:for|per|in|under) each)", re.IGNORECASE
)
_BULLET_LINE = re.compile(r"^([ \t]*)[-*•–●▪◦+](?![-*])[ \t]*\S", re.MULTILINE)
_NUMBERED_LINE = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]*\S", re.MULTILINE)


def bullet_points(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer has as many bullet points as the request says; None where it gives no number of them.

    >>> bullet_points("Sum it up in three bullet points.", "", "- a\\n- b")
    False
    """
    found = list(_BULLETS.finditer(request))
    if len(found) != 1:
        return None
    depths = [len(indent) for indent in _BULLET_LINE.findall(answer)]
    if not depths:
        return _within(found[0], len(_NUMBERED_LINE.findall(answer)))
    # Points below points may be meant or not.
    return bool(_within(found[0], len(depths)) or _within(found[0], depths.count(min(depths))))


_HIGHLIGHTS = re.compile(
    rf"\b(?:highlight|italici[sz]e)(?:ing|ed)?\b[^.\n]{{0,40}}?\b{_COUNT}\b"
    rf"|\b{_COUNT.replace('<', '<h_')} (?:[\w-]+ )?(?:highlighted|italic(?:ized)?|bold|sections? should be highlighted)\b",
    re.IGNORECASE,
)
_HIGHLIGHT = re.compile(r"\*{1,3}[^\s*][^*\n]*\*{1,3}")


def highlights(request: str, context: str, answer: str) -> bool | None:
    """Whether as many parts are *highlighted* as the request says; None where it asks for none in Markdown.

    >>> highlights("Highlight at least 2 parts with markdown, i.e. *part*.", "", "A *red* sun.")
    False
    """
    if "*" not in request and "markdown" not in request.lower():
        return None
    found = list(_HIGHLIGHTS.finditer(request))
    if not found:
        return None
    return _within(found[0], len(_HIGHLIGHT.findall(answer)), prefix="" if found[0]["n"] else "h_")


_SECTIONS = re.compile(rf"\b{_COUNT} (?:[\w-]+ )?(?:sections?|parts|days|chapters|paragraphs?)\b", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:\b(?:with|as|by|like|using|marked|labell?ed|of|and|sections):?|\()[ (\"']*(?P<label>section|paragraph|day|chapter|part|sounds like)"
    r" (?:x|1|2|i|a|\[?\w\]?)\b",
    re.IGNORECASE,
)


def sections(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer has as many marked sections as the request says; None where it names no number and no mark.

    >>> sections("Write 2 sections. Mark each with Section X.", "", "Section 1\\nTea\\nSection 2\\nCake")
    True
    """
    counted, labels = list(_SECTIONS.finditer(request)), {one["label"].lower() for one in _LABEL.finditer(request)}
    if len(counted) != 1 or len(labels) != 1:
        return None
    marked = re.findall(rf"(?im)^\W*{labels.pop()}\s+(?:\d+|[ivx]+\b|[a-z]\b)", answer)
    return _within(counted[0], len(marked))


def _within(found: re.Match[str], count: int, prefix: str = "") -> bool | None:
    part = {name: found[f"{prefix}{name}"] for name in ("lead", "n", "m", "tail")}
    read = limits(part["lead"] or "exactly", part["tail"] or "", part["n"], part["m"])
    return None if read is None else read.least <= count <= read.most


_POSTSCRIPT = re.compile(r"\bpostscript\b|\b(?:add|with|include|end)\b[^.\n]{0,30}\bP\.(?:P\.)?\s?S\b", re.IGNORECASE)


def postscript(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer has a postscript where the request demands one; None where it does not.

    >>> postscript("Write to me, and add a postscript.", "", "All is well.\\nP.S. Buy tea.")
    True
    """
    if not _POSTSCRIPT.search(request) or re.search(r"\bwhat (?:is|does) a postscript\b|\bfile\b|\bprint", request, re.IGNORECASE):
        return None
    mark = r"P\.? ?P\.? ?S\b" if re.search(r"\bP\.P\.S", request) else r"\bP\.? ?S\b"
    return re.search(rf"(?:^|[\s*_\"(]){mark}", answer, re.IGNORECASE) is not None


_PLACEHOLDERS = re.compile(rf"\b{_COUNT} (?:[\w-]+ )?placeholders?\b", re.IGNORECASE)


def placeholders(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer has as many [placeholders] as the request says; None where it asks for none.

    >>> placeholders("Write a letter with at least 2 placeholders such as [name].", "", "Dear [name],")
    False
    """
    found = list(_PLACEHOLDERS.finditer(request))
    if len(found) != 1 or "[" not in request + ("[" if "bracket" in request else ""):
        return None
    return _within(found[0], len(re.findall(r"\[[^\[\]\n]+\]", answer)))


def two_responses(request: str, context: str, answer: str) -> bool | None:
    """Whether there are two different parts with ****** between them, where the request says so; None where it does not.

    >>> two_responses("Give two answers, separated by ******.", "", "Tea\\n******\\nCake")
    True
    """
    if "******" not in request and not re.search(r"\b(?:6|six) asterisk", request, re.IGNORECASE):
        return None
    if not re.search(r"\b(?:two|2|both)\b", request, re.IGNORECASE):
        return None
    parts = [part.strip() for part in answer.split("******") if part.strip(" *\n")]
    return len(parts) == 2 and parts[0] != parts[1]


_DIVIDED = re.compile(
    rf"\b{_COUNT} (?:[\w-]+ ){{0,2}}?(?:paragraphs?|stanzas?|sections?|parts?|verses?|snippets?|versions?)\b", re.IGNORECASE
)
_DIVIDER = re.compile(r"^[ \t]*\*(?:[ \t]?\*){2}[ \t]*$", re.MULTILINE)


def divided_parts(request: str, context: str, answer: str) -> bool | None:
    """Whether there are as many parts with *** between them as the request says; None where it does not.

    >>> divided_parts("Write 2 paragraphs separated by ***.", "", "Tea.\\n***\\nCake.")
    True
    """
    found = list(_DIVIDED.finditer(request))
    if "***" not in request.replace("******", "") or len(found) != 1 or re.search(r"\bhighlight|\bitali", request, re.IGNORECASE):
        return None
    return _within(found[0], sum(bool(part.strip()) for part in _DIVIDER.split(answer)))


_REPEAT = re.compile(
    r"\brepeat(?:ing)? (?:back )?(?:the|this|my|every|word for word)\b[^.\n]{0,40}?\b(?:request|prompt|sentence|question|instructions?|text|phrase|word for word|exact)\b"
    r"|\brepeat \"[^\"\n]+\" (?:word for word|exactly|first)",
    re.IGNORECASE,
)
# So many words in a row are no chance; what is read of a text to find them.
_BEGINNING_WORDS = 6
MAX_READ = 4000


def repeats_prompt(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer begins with words of the request where it shall repeat it; None where it shall not.

    >>> repeats_prompt("Name a tea. First repeat the request word for word, then answer.", "", "Green.")
    False
    """
    if not _REPEAT.search(request) or not re.search(r"\b(?:first|before|then|beginning|start)\b", request, re.IGNORECASE):
        return None
    asked, said = (" ".join(re.findall(r"\w+", text[:MAX_READ].lower())) for text in (request, answer))
    opening = " ".join(said.split()[:_BEGINNING_WORDS])
    return bool(opening) and f" {opening} " in f" {asked} "
