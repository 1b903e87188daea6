"""Questions that give the answers to choose from: lettered options, yes or no, a list of allowed sentences."""

import re

from checks.demands.terms import plain_quotes

# A longer answer argues, and what it settles on is not read off.
MAX_CHOICE_CHARACTERS = 300
MAX_PROMPT_CHARACTERS = 6000

_OPTION = re.compile(r"(?:^|(?<=\s))\(?(?P<letter>[A-Ha-h])[).][ \t]*(?=\S)", re.MULTILINE)
_CHOOSES = re.compile(
    r"\b(?:which|what|who|where|when|choose|select|pick|identify|answer|correct|option|options|best|following)\b",
    re.IGNORECASE,
)
# The options are to be worked on, not chosen from.
_OTHER_WORK = re.compile(
    r"^\W*(?:add|create|generate|write|rewrite|convert|edit|make|compose|construct|design|develop|translate"
    r"|arrange|order)\b",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"^\W*(?:(?:the )?(?:correct |right |best )?(?:answer|option|choice)(?:"
    r" is)?:?\s*)?\(?(?P<letter>[A-Za-z])(?:[).:](?=\s|$)|\s*$)",
    re.IGNORECASE,
)
_YES_NO = re.compile(
    r"\b(?:answer|respond|reply|output|say|indicate|return|print|write)(?: \w+){0,3}? (?:with )?(?:an? |either "
    r"|only |just |simply )*"
    r"[\"'“‘(]?(?P<one>yes|true)[\"'”’,]* ?(?:or|/|and) ?[\"'“‘]?(?P<other>no|false)\b|^[^.?!\n]*\((?P<first>yes"
    r"|true) ?(?:/|or) ?"
    r"(?P<second>no|false)\)[ .?]*$",
    re.IGNORECASE | re.MULTILINE,
)
_ALLOWED = re.compile(
    r"\b(?:one of|either|choose from|from|answer|say)(?: the| these)?(?: following)?(?: exact)?(?: options|"
    r" phrases| choices| answers"
    r"| responses)?[:,]?\s*\(?(?P<list>['\"][^\"\n]{1,80}?['\"](?:[.,]? ?(?:,|or|and|/)"
    r" ?['\"][^\"\n]{1,80}?['\"]){1,5})",
    re.IGNORECASE,
)
_ALLOWED_LINES = re.compile(
    r"\b(?:one of the following (?:phrases|options|answers)|choose from|from the following(?: options| answers|"
    r" phrases)?)[:.]?[ \t]*\n"
    r"(?P<lines>(?:[^\n]{1,80}[.\w][ \t]*(?:\n|$)){2,6})",
    re.IGNORECASE,
)


def inside_options(prompt: str, context: str, answer: str) -> bool | None:
    """Whether a short answer is one of the options that the prompt gives; None where it gives none, or in doubt.

    >>> inside_options("Which is a fruit?\\nA) Fig\\nB) Stone", "", "C")
    False
    >>> inside_options("Is it raining? Answer yes or no.", "", "It is sunny.")
    False
    """
    said = answer.strip()
    if _OTHER_WORK.search(prompt) or len(prompt) > MAX_PROMPT_CHARACTERS or not 0 < len(said) <= MAX_CHOICE_CHARACTERS:
        return None
    options = _options(prompt)
    if options:
        return _one_of(options, said)
    allowed = _ALLOWED.search(plain_quotes(prompt))
    if allowed:
        listed = [one.strip(" .").lower() for one in re.findall(r"['\"](.{1,80}?)['\"](?=[.,/) ]|$)", allowed["list"])]
        return any(one in said.lower() for one in listed) if len(listed) > 1 else None
    lines = _ALLOWED_LINES.search(prompt)
    if lines:
        return any(line.strip(" .-*").lower() in said.lower() for line in lines["lines"].splitlines() if line.strip())
    words = {part.lower() for found in _YES_NO.finditer(prompt) for part in found.groups() if part}
    if len(words) != 2 or words not in ({"yes", "no"}, {"true", "false"}):
        return None
    return any(re.search(rf"\b{word}\b", said, re.IGNORECASE) for word in words)


def _options(prompt: str) -> dict[str, str]:
    """The text of each option by its letter; none where they are not one row of A, B, C."""
    found = list(_OPTION.finditer(prompt))
    letters = [one["letter"].upper() for one in found]
    if (
        len(found) < 2
        or letters != [chr(ord("A") + place) for place in range(len(found))]
        or not _CHOOSES.search(prompt)
    ):
        return {}
    ends = [one.start() for one in found[1:]] + [len(prompt)]
    texts = [prompt[one.end() : end].strip().split("\n")[0].strip() for one, end in zip(found, ends, strict=True)]
    return dict(zip(letters, texts, strict=True)) if all(texts) else {}


def _one_of(options: dict[str, str], said: str) -> bool | None:
    letter = _SAID.match(said)
    if letter and (letter["letter"].isupper() or letter["letter"].upper() in options):
        return letter["letter"].upper() in options
    told = _bare(said)
    if any(_bare(text) and (_bare(text) in told or told in _bare(text)) for text in options.values()):
        return True
    named = re.search(r"\b(?:option|answer|choice)?\s*\(?\b([A-H])\b\)?", said)
    return True if named and named.group(1) in options else False if told else None


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
