"""Parts of an answer that a request demands, each told by a mark: bullets, sections, placeholders, a <<title>>."""

import re

from checks.demands.bounds import NUMBER, limits

_LIMITS = ("at least", "at most", "less than", "fewer than", "more than", "no more than", "up to", "exactly", "only")
LEADS = rf"(?:{'|'.join(_LIMITS)}|a minimum of|a maximum of|over|about)"
COUNT = rf"(?:(?P<lead>{LEADS}) )?(?P<n>{NUMBER})(?: ?(?:-|–|to|or) ?(?P<m>{NUMBER}))?(?P<tail> or more)?"


def title_in_brackets(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer has a <<title>> where the request demands one; None where it does not.

    >>> title_in_brackets("Write a poem with a title in double angular brackets.", "", "<<Tea>>\\nWarm.")
    True
    """
    if (
        not re.search(r"double ang(?:ular|le)d? brackets|<<[\w ]+>>", request, re.IGNORECASE)
        or "title" not in request.lower()
    ):
        return None
    return re.search(r"<<[^<>\n]{1,300}>>", answer) is not None


_BULLETS = re.compile(
    rf"\b{COUNT}[ -](?!level)(?:[\w-]+ ){{0,2}}?bullet(?:ed)?(?: |-)?(?:points?|lists?|items?|s)?\b(?! (?:for|per"
    rf"|in|under) each)",
    re.IGNORECASE,
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
    rf"\b(?:highlight|italici[sz]e)(?:ing|ed)?\b[^.\n]{{0,40}}?\b{COUNT}\b"
    rf"|\b{COUNT.replace('<', '<h_')} (?:[\w-]+ )?(?:highlighted|italic(?:ized)?|bold|sections? should be"
    rf" highlighted)\b",
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


_SECTIONS = re.compile(rf"\b{COUNT} (?:[\w-]+ )?(?:sections?|parts|days|chapters|paragraphs?)\b", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:\b(?:with|as|by|like|using|marked|labell?ed|of|and|sections):?|\()[ (\"']*(?P<label>section|paragraph"
    r"|day|chapter|part|sounds like)"
    r" (?:x|1|2|i|a|\[?\w\]?)\b",
    re.IGNORECASE,
)


def sections(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer has as many marked sections as the request says; None where it names no number and no mark.

    >>> sections("Write 2 sections. Mark each with Section X.", "", "Section 1\\nTea\\nSection 2\\nCake")
    True
    """
    labels = {one["label"].lower() for one in _LABEL.finditer(request)}
    if len(labels) != 1 or not re.search(r"section|paragraph|chapter", request, re.IGNORECASE):
        return None
    counted = list(_SECTIONS.finditer(request))
    if len(counted) != 1:
        return None
    marked = re.findall(rf"(?im)^[^\w\n]{{0,20}}{labels.pop()}\s+(?:\d+|[ivx]+\b|[a-z]\b)", answer)
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
    if not _POSTSCRIPT.search(request) or re.search(
        r"\bwhat (?:is|does) a postscript\b|\bfile\b|\bprint", request, re.IGNORECASE
    ):
        return None
    mark = r"P\.? ?P\.? ?S\b" if re.search(r"\bP\.P\.S", request) else r"\bP\.? ?S\b"
    return re.search(rf"(?:^|[\s*_\"(]){mark}", answer, re.IGNORECASE) is not None


_PLACEHOLDERS = re.compile(rf"\b{COUNT} (?:[\w-]+ )?placeholders?\b", re.IGNORECASE)


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
    """Whether two different parts stand with ****** between them, where the request says so; None where it does not.

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
    rf"\b{COUNT} (?:[\w-]+ ){{0,2}}?(?:paragraphs?|stanzas?|sections?|parts?|verses?|snippets?|versions?)\b",
    re.IGNORECASE,
)
_DIVIDER = re.compile(r"^[ \t]*\*(?:[ \t]?\*){2}[ \t]*$", re.MULTILINE)


def divided_parts(request: str, context: str, answer: str) -> bool | None:
    """Whether there are as many parts with *** between them as the request says; None where it does not.

    >>> divided_parts("Write 2 paragraphs separated by ***.", "", "Tea.\\n***\\nCake.")
    True
    """
    found = list(_DIVIDED.finditer(request))
    if (
        "***" not in request.replace("******", "")
        or len(found) != 1
        or re.search(r"\bhighlight|\bitali", request, re.IGNORECASE)
    ):
        return None
    return _within(found[0], sum(bool(part.strip()) for part in _DIVIDER.split(answer)))


_REPEAT = re.compile(
    r"\brepeat(?:ing)? (?:back )?(?:the|this|my|every|word for word)\b[^.\n]{0,40}?\b(?:request|prompt|sentence"
    r"|question|instructions?|text|phrase|word for word|exact)\b"
    r"|\brepeat \"[^\"\n]+\" (?:word for word|exactly|first)",
    re.IGNORECASE,
)
# So many words in a row are no chance; what is read of a text to find them.
_BEGINNING_WORDS, _FEWEST_WORDS = 6, 3
_MAX_READ = 4000


def repeats_prompt(request: str, context: str, answer: str) -> bool | None:
    """Whether the answer begins with words of the request where it shall repeat it; None where it shall not.

    >>> repeats_prompt("Name a tea. First repeat the request word for word, then answer.", "", "Green.")
    False
    """
    if not _REPEAT.search(request) or not re.search(
        r"\b(?:first|before|then|beginning|start)\b", request, re.IGNORECASE
    ):
        return None
    asked = " ".join(re.findall(r"\w+", request.lower()))
    first = re.split(r"[.?!\n]", answer.strip()[:_MAX_READ], maxsplit=1)[0]
    opening = re.findall(r"\w+", first.lower())[:_BEGINNING_WORDS]
    return len(opening) >= _FEWEST_WORDS and f" {' '.join(opening)} " in f" {asked} "
