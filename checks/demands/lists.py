"""How many items a request wants listed: "list five", "what are three reasons", in English and in Chinese."""

import re

from checks.demands.bounds import LEAD, NUMBER, SHARED_OUT, Bound, limits, number

_LISTS = (
    r"(?:list|name|give|provide|suggest|identify|generate|create|write|make|come up with|brainstorm|think of"
    r"|think up|state"
    r"|describe|find|mention|outline|tell|propose|recommend|cite|compile|construct|produce|develop|design|explain|share"
    r"|offer|show|compose|formulate|pick|select|choose|invent|draft|prepare)"
)
ITEMS_ASKED = (
    r"(?i)(?:^|[.!?]\s+|\n\s*)(?:(?:please|can you|could you|would you)\s+){0,2}"
    rf"(?:{_LISTS}(?:\s+(?:me|us|out|up|down))?|what (?:are|were))\s+(?:some of\s+)?(?:(?:an?|the|your|any)\s+)?"
    r"(?:(?:[\w-]+\s+)?(?:list|set|series|collection)\s+(?:of|with|containing)\s+)?(?:the\s+)?(?:(?:top|first"
    r"|last|best)\s+)?"
    rf"(?:{LEAD}\s+)?{NUMBER}(?:\s*(?:-|–|to|or)\s*{NUMBER})?\s+[a-z]"
)
_ITEMS = re.compile(
    ITEMS_ASKED.replace(rf"(?:{LEAD}\s+)?{NUMBER}", rf"(?:(?P<lead>{LEAD})\s+)?(?P<n>{NUMBER})").replace(
        rf"\s*{NUMBER})?\s+[a-z]", rf"\s*(?P<m>{NUMBER}))?\s+(?P<after>[a-z][\w'’-]*(?:\s+[\w'’-]+){{0,2}})"
    )
)
# What is no item of a list, or a size.
_NO_ITEMS = re.compile(
    r"(?i)^(?:[\w'’-]+\s+){0,2}?(?:sentences?|paragraphs?|lines?|stanzas?|verses?|pages?|minutes?|hours?|days?"
    r"|weeks?|months?"
    r"|years?|digits?|characters?|letters?|percent|seconds?|dollars?|syllables?|bars?|rows?|columns?|numbers?|levels?"
    r"|sides?|dimensions?|recipes?|instructions|versions?|responses?|answers?|drinks|dishes|menus?|plans?|times|points?"
    r"|courses?|layers?|pairs?)\b|^words?\s+(?:or|story|essay|summary|poem)\b|^word\b"
    r"|^(?:of|or|and|x|people)\b|\b(?:list|set|series)s?$"
)
# Two counts in one request, or things that come in twos: it is unclear what is counted.
UNCLEAR_ITEMS = (
    rf"{SHARED_OUT}|(?:\band|\bor|,)\s+(?:at least\s+)?{NUMBER}\s+\w+|\band\s+(?:dis|cons\b|weak|draw|don|why|how"
    rf"|explain|describe"
    r"|provide|give|write|discuss|compare|the differences?|opportunit)|\bpros\b|\bpair|\bfor (?:both|these"
    r"|those)\b|\bcategor"
    r"|\bsentences\b|\bdo['’]?s and\b"
)


_CHINESE = {word: number for number, word in enumerate("零一二三四五六七八九十")} | {"两": 2}
ITEMS_ASKED_IN_CHINESE = (
    r"^(?:请)?(?:列出|列举|给出|给我|提供|说出|写出|举出|命名|提出|生成|创建|描述|推荐|找出|想出)(?:一个|一份)?(?:包含|[^，。,\n\d]{1,12}的)?"
    r"(?:\d{1,3}|[两二三四五六七八九十])\s*(?:个|种|条|项|点|位|本|部|款|类|件|座)[^月小段句字词数人年天]"
)
_ITEMS_IN_CHINESE = re.compile(ITEMS_ASKED_IN_CHINESE.replace(r"(?:\d{1,3}|[", r"(?P<n>\d{1,3}|["))
_TWO_COUNTS_IN_CHINESE = re.compile(r"每|各|分别|答案|选项|选择题|和(?:\d|[两二三四五六七八九十])|优缺点|，并")


def items(request: str) -> Bound | None:
    """How many items a list is asked to have; None where no list is. UNCLEAR_ITEMS tells where that is in doubt.

    >>> items("Name five rivers."), items("List at least 3 uses of a brick"), items("Write two sentences.")
    (Bound(least=5, most=5, is_size=False), Bound(least=3, most=1000000000, is_size=False), None)
    """
    chinese = _ITEMS_IN_CHINESE.search(request)
    if chinese:
        count = _CHINESE.get(chinese["n"]) or number(chinese["n"])
        return Bound(count, count) if count and count > 1 and not _TWO_COUNTS_IN_CHINESE.search(request) else None
    one = _ITEMS.search(request)
    if one is None or _ITEMS.search(request, one.end()) or _NO_ITEMS.search(one["after"]):
        return None
    read = limits(one["lead"] or "exactly", "", one["n"], one["m"])
    return read if read and read.most > 1 else None
