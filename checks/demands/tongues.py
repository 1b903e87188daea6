"""The language that a request wants its answer in."""

import re

from checks.demands.bounds import sentence_around

LANGUAGES = {
    "English": "en",
    "French": "fr",
    "Spanish": "es",
    "German": "de",
    "Italian": "it",
    "Portuguese": "pt",
    "Dutch": "nl",
    "Russian": "ru",
    "Chinese": "zh",
    "Mandarin": "zh",
    "Japanese": "ja",
    "Korean": "ko",
    "Arabic": "ar",
    "Hindi": "hi",
    "Latin": "la",
    "Greek": "el",
    "Turkish": "tr",
    "Polish": "pl",
    "Swedish": "sv",
    "Norwegian": "no",
    "Danish": "da",
    "Finnish": "fi",
    "Hebrew": "he",
    "Vietnamese": "vi",
    "Thai": "th",
    "Indonesian": "id",
    "Ukrainian": "uk",
    "Czech": "cs",
    "Hungarian": "hu",
    "Romanian": "ro",
    "Persian": "fa",
    "Farsi": "fa",
    "Urdu": "ur",
    "Bengali": "bn",
    "Bulgarian": "bg",
    "Croatian": "hr",
    "Marathi": "mr",
    "Tamil": "ta",
    "Telugu": "te",
    "Gujarati": "gu",
    "Kannada": "kn",
    "Punjabi": "pa",
    "Malayalam": "ml",
    "Nepali": "ne",
    "Swahili": "sw",
    "Catalan": "ca",
    "Slovak": "sk",
    "Tagalog": "tl",
}
"""By the name that English has for them: the ISO 639 code."""

SAME = {"yue": "zh", "wuu": "zh", "nb": "no", "nn": "no", "bs": "hr", "sr": "hr", "sh": "hr", "ms": "id", "fil": "tl"}
"""Codes that a reader, or a model that measures, does not tell apart from another."""

_NAME = rf"(?:{'|'.join(LANGUAGES)})"
# Forms of "in French", each with the language in a group of its own.
_FORMS = (
    rf"\b[Tt]ranslat\w*\b[^.?!\n]{{0,150}}?\b(?:in|into|to) (?:the )?({_NAME})\b",
    rf"\b[Tt]ranslat\w*\b[^\n]{{0,150}}?[\"”'] ?(?:in|into|to) ({_NAME})\b",
    r"\b(?:[Aa]nswer|[Rr]espond|[Rr]eply|[Rr]esponse|[Oo]utput)\b[^.?!\n]{0,40}?\b(?:in|using) (?:only )?(?:the )?"
    rf"({_NAME})\b",
    r"^(?:[Pp]lease )?(?:[Ww]rite|[Gg]enerate|[Cc]reate|[Cc]ompose|[Cc]onstruct|[Ss]ay|[Rr]ewrite|[Dd]escribe|[Nn]ame"
    rf"|[Ll]ist)\b[^.?!\n,]{{0,80}}? (?:in|into) (?:the )?({_NAME})(?: language)?(?: that\b|[.,]| only|$)",
    rf"\b(?:in|using) (?:the )?({_NAME})(?: language)?[ ,]+(?:and )?(?:no other language|only)\b",
    rf"\b(?:only|entirely|solely|completely) (?:in|using) (?:the )?({_NAME})\b",
    rf"\b(?:in|using|[Uu]se) (?:only|just) (?:the )?({_NAME})\b",
    rf"\b[Uu]se (?:the )?({_NAME}) language only\b",
)
_ASKED = re.compile("|".join(_FORMS))
# About two languages, or about what is said of them.
_ABOUT = re.compile(
    r"\b(?:from the|difference|compare|mean\w*|identify|explain|which|both|bilingual|the words? for|correct|wrong"
    r"|check|synonyms?|pronounce\w*"
    r"|version of|is it|phonetic|romani[sz]\w*|pinyin)\b",
    re.IGNORECASE,
)
_AND_ANOTHER = re.compile(rf",? (?:and|or) (?:in |into |to )?{_NAME}")


def language_wanted(request: str) -> str | None:
    """The ISO 639 code of the one language that the answer is to be in; None where it is none, or in doubt.

    >>> language_wanted('Translate "good day" into French.'), language_wanted("Is Latin a language?")
    ('fr', None)
    """
    found = list(_ASKED.finditer(request))
    wanted = {LANGUAGES[name] for one in found for name in one.groups() if name}
    in_doubt = any(
        _AND_ANOTHER.match(request, one.end()) or _ABOUT.search(sentence_around(request, one)) for one in found
    )
    return wanted.pop() if len(wanted) == 1 and not in_doubt else None
