"""Formatting: no debris of the tools that made the data, no answer that is none."""

import polars as pl

from checks._examples import LONG, asks, says
from checks._text import (
    ODD_COMPLETION,
    ODD_PROMPT,
    answer,
    asks_about,
    completion,
    derived,
    has,
    has_literal,
    is_kind,
    is_wanted,
    prompt,
    where,
)
from checks.registry import Severity, check
from schemas.record import Kind

# Enough of the end to see whether the last line is a sentence.
LAST_LINE_CHARACTERS = 600
# In a shorter answer a bracket may be what was asked for: a password, a smiley.
MIN_CHARACTERS_TO_BE_CUT = 200
# A placeholder is a phrase; what stands in a long text is part of the text.
PLACEHOLDER_BYTES = 60

# What annotators and models write where nothing belongs. The brackets of `<noinput>` vary freely.
_NO_INPUT = (
    r"no[\s_-]?i?n?put(?:\s+(?:is\s+)?(?:required|needed|necessary|provided|given|available))?|无输入|無輸入|没有输入"
)
_NO_OUTPUT = r"no[\s_-]?output(?:\s+(?:is\s+)?(?:required|needed|necessary|possible|available))?|无输出|無輸出|没有输出"
_NOTHING = r"n\s?/\s?a|n\.a\.|none|null|nil|nan|empty|not applicable|not available|无|無"
_WRAPPED = r"(?is)^(?:&[lg]t;|[\s\p{P}\p{S}])*(?:%s)(?:&[lg]t;|[\s\p{P}\p{S}])*(?:\s\d{1,3}[\s\p{P}]*)?$"
_NOTHING_ANSWER = r"n\s?/\s?a|n\.a\.|null|nan|empty|not applicable|(?:the\s+)?output:?|(?:the\s+)?answer:?|无|無"

_EMBEDDED_MARKER = (
    r"(?i)(?:^|\n)\s*(?:\\)?[<\[(`{]+\s*\\?no\s?(?:in|out)put\s*\\?[>\])`}]+"
    r"|(?i)<\s*\\?no\s?(?:in|out)put\s*\\?>"
    r"|(?i)^\s*no output\b[^\n]{0,20}(?:possible|required|can be|as )"
)

TEMPLATE_MARKERS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|assistant|>",
    "<|user|>",
    "<|system|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "### Instruction:",
    "### Input:",
    "### Response:",
    "### Human:",
    "### Assistant:",
    "Below is an instruction that describes a task",
)

# The numbered block of a self-instruct batch that the answer ran on into.
_NEXT_TASK = (
    r"(?:^|\n)\s*(?:#+\s*)?\d{0,3}\s*[.)]?\s*Instructions?:.*\n[\s\S]*\n?\s*(?:#+\s*)?\d{0,3}\s*[.)]?\s*(?:Input"
    r"|Output):"
)
_NEXT_TASK_NUMBERED = r"\n\s*(?:#+\s*)?\d{1,3}\s*[.)]\s*(?:Instruction|Input|Output):"

_ROLE_LINE = r"\n\s*(?:\*\*)?(?:Human|User|Assistant|Chatbot|ChatGPT)(?:\*\*)?\s*:"
_DIALOGUE = ("dialog", "conversation", "chat", "bot", "script", "interview", "interact", "transcript", "user", "human")

_IMAGE_FILE = r"(?:png|jpe?g|gif|svg|webp|bmp|tiff?|mp3|wav|mp4|mov|avi)"
_MARKDOWN_IMAGE = r"!\[[^\]\n]{0,300}\](?:\([^)\n]*\)|\[[^\]\n]*\])"
_IMAGE_LINK = rf"(?i)(?:https?://|www\.)[^\s<>\"']+\.{_IMAGE_FILE}\b"
_MEDIUM = (
    r"(?:image|picture|photo(?:graph)?|painting|drawing|sketch|illustration|figure|diagram|graph|chart|infographic"
    r"|logo|meme|cartoon|comic|screenshot|video|audio|recording|animation|visuali[sz]ation|design|pattern|map|poster"
    r"|flow ?chart|mind ?map|word ?cloud)s?"
)
_MEDIUM_IN_BRACKETS = (
    rf"(?i)[<\[(]\s*(?:(?:an?|the|attach(?:ed)?|insert(?:ed)?|see|here)\s+)*{_MEDIUM}(?:\s+(?:of|from|showing|with"
    rf"|attached|here|depicting|that)\b[^>\])\n]{{0,200}})?\s*[>\])]"
)
_ATTACHED_MEDIUM = rf"(?i)attached (?:[a-z]+ ){{0,2}}{_MEDIUM}\b|\b{_MEDIUM} (?:is |are )?attached\b"
_MEDIA_FILE = rf"(?i)[<\[(][^>\])\n]{{0,80}}[\w-]\.{_IMAGE_FILE}\s*[>\])]"
_MEDIA_TAG = r"(?i)<(?:img|audio|video|picture)\b[^>]*>"
_CODE = ("html", "xml", "css", "code", "script", "svg", "markup", "tag", "web site", "website", "form")

_MAKE = (
    r"(?:create|draw|design|generate|make|produce|render|sketch|paint|build|construct|illustrate|compose|develop"
    r"|plot|re-?design|come up with)"
)
_VISUAL = (
    r"(?:logo|poster|infographic|illustration|drawing|painting|sketch|cartoon|comic(?: strip)?|meme|icon|image|picture"
    r"|photo|animation|graphic|3d model|(?:data )?visuali[sz]ation|(?:bar |pie |line |gantt |flow[ -]?)?chart|artwork"
    r"|banner|flyer|word cloud|mind ?map|video|collage|mandala|sound effect)s?\b"
)
# A part of each thing in _VISUAL. The last two are the letters beyond ASCII that a regex holds equal to s and k.
_VISUAL_HINTS = (
    *("logo", "poster", "graphic", "illustrat", "drawing", "painting", "sketch", "cartoon", "comic", "meme", "icon"),
    *("image", "picture", "photo", "animation", "3d model", "visuali", "chart", "artwork", "banner", "flyer"),
    *("word cloud", "mind map", "mindmap", "video", "collage", "mandala", "sound effect", "\u017f", "\u212a"),
)
_ASKS_FOR_MEDIUM = rf"(?i)\b{_MAKE}\s+(?:[\w'’-]+\s+){{0,5}}{_VISUAL}"
# "a caption for a photo", "code that draws a chart", "a logo designer": words about the medium, not the medium.
_ABOUT_MEDIUM = (
    rf"(?i)\b{_MAKE}\s+(?:[\w'’-]+\s+){{0,4}}(?:for|about|of|to|from|inspired|that|which|describing|in|on|using|caption"
    rf"|description|slogan|title|name|code|script|program|app|website|ideas?|instructions|character"
    rf"|biographical)\s+(?:[\w'’-]+\s+){{0,4}}{_VISUAL}"
)

_URL = r"(?i)\b(?:https?://|www\.)[\w-]+(?:\.[\w-]+)+|\b[\w-]+\.(?:com|org|net|edu|gov|io|co\.uk)\b/?"

_TAG = (
    r"<a\s+href\b[^<>]*>|</?(?:p|br|div|span|li|ul|ol|b|i|u|strong|em|h[1-6]|table|tr|td|th|font|center|img|sup|sub"
    r"|hr)(?:\s[^<>]*)?/?>"
)
_ENTITY = r"&(?:amp|lt|gt|quot|apos|nbsp|ndash|mdash|rsquo|lsquo|rdquo|ldquo|hellip|#\d{2,5}|#x[0-9A-Fa-f]{2,5});"
_MARKUP = (
    "html",
    "xml",
    "tag",
    "web",
    "css",
    "code",
    "script",
    "page",
    "svg",
    "markup",
    "entit",
    "markdown",
    "escape",
    "font",
    "style",
    "bold",
    "underline",
    "highlight",
    "link",
    "react",
    "form",
    "format",
)

# UTF-8 read as Latin-1 or Windows-1252: a lead byte's letter before what its continuation became.
MOJIBAKE = "Ã[\u0080-\u00bf]|â€[\u0080-\u00bf™œ“”˜¦¢]|Â[\u0080-\u00bf]|ï»¿|ðŸ|[\u0080-\u009f]"

# A long last line that stops after a letter or a comma. Lines of verse and signatures are shorter.
_STOPS_MID_SENTENCE = r"(?:^|\n)[^\n|]{80,}[\p{Ll},]\s*$"
_LAST_LINE_IS_MORE = r"(?:^|\n)\s*(?:[-*•–]|\(?\d+[.)])\s[^\n]*$|(?:#|@|https?://|www\.)\S+\s*$|\b\d+\.\s+[\w ]+$"


_MEDIA_HINTS = ("![", "<img", "<audio", "<video", "<picture", "http", "www.", "ttached", "ttachment")
_LINKING = derived("t_linking", where(has_literal(answer(), *_MEDIA_HINTS), answer()))
# A line that is a bracket and nothing else, as in "[Image of a house]".
_OPENED = where(has_literal(answer(), "<", "[", "("), answer())
_BRACKETED = derived("t_bracketed", where(has(_OPENED, r"(?m)^[ \t]*[<\[(][^\n]*[>\])][ \t]*$"), answer()))


# Answers with a sign that a few rules begin from. Columns, for what is nested in an expression is written out twice.
_ANGLED = derived("t_angled", where(has_literal(answer(), "<"), answer()))
_AMPERSAND = derived("t_ampersand", where(has_literal(answer(), "&"), answer()))
_PUT = derived("t_put", where(has(answer(), "(?i)put"), answer()))
_TASK = derived("t_task", where(has_literal(answer(), "Instruction:", "Input:", "Output:"), answer()))
_TOLD = derived("t_told", where(has_literal(answer(), "Human", "User", "Assistant", "Chatbot", "ChatGPT"), answer()))
_SHOWING = ("<", "[", "(", "http", "www.", "attached")
_SHOWN = derived("t_shown", where(is_kind(Kind.SFT) & has_literal(prompt(), *_SHOWING, ignore_case=True), prompt()))
_VISUAL_PROMPT = derived("t_visual", where(has_literal(prompt(), *_VISUAL_HINTS, ignore_case=True), prompt()))


def _plain(text: pl.Expr) -> pl.Expr:
    """The text where it has no code fences, and the prompt is not about markup; else null."""
    return where(~has_literal(text, "```") & ~asks_about(*_MARKUP, among=text.is_not_null()), text)


def lacks_sentence_end(text: pl.Expr) -> pl.Expr:
    """Whether the text's last line is long prose without a sentence's end: cut off, or merely unpunctuated."""
    tail = where(has(text.str.tail(3), r"[\p{Ll},]\s*$"), text).str.tail(LAST_LINE_CHARACTERS)
    return has(tail, _STOPS_MID_SENTENCE) & ~has(tail, _LAST_LINE_IS_MORE)


# Said of every completion, also of one that is unwanted: the quality score reads them too.
ENDLESS = derived("t_endless", lacks_sentence_end(completion()))
MISREAD = derived("t_misread", has(ODD_COMPLETION, MOJIBAKE))
MARKED = derived("t_marked", has_literal(completion(), *TEMPLATE_MARKERS))


def _wrapped(words: str) -> str:
    return _WRAPPED % words


def _placeholder(text: pl.Expr, words: str) -> pl.Expr:
    brief = where(text.str.len_bytes().is_between(1, PLACEHOLDER_BYTES), text)
    return has(brief, _wrapped(words))


@check(Severity.DROP, fails=says("A\x00B"), but_not=says("A\tB"))
def nul_character() -> pl.Expr:
    """No NUL: it marks binary damage and breaks what reads the text next."""
    return ~has_literal(ODD_PROMPT, "\x00") & ~(is_wanted() & has_literal(ODD_COMPLETION, "\x00"))


@check(Severity.NOTE, fails=says("A\x07B"), but_not=says("A\r\n\tB"))
def control_characters() -> pl.Expr:
    """No control characters other than tab, line feed, carriage return and form feed."""
    control = "[\x01-\x08\x0b\x0e-\x1f\x7f]"
    return ~has(ODD_PROMPT, control) & ~(is_wanted() & has(ODD_COMPLETION, control))


@check(Severity.NOTE, fails=says("CafÃ© â€“ naive"), but_not=says("Café – “naïve”"))
def mojibake() -> pl.Expr:
    """No signs of UTF-8 that was read in another encoding."""
    return ~has(ODD_PROMPT, MOJIBAKE) & ~(is_wanted() & MISREAD)


@check(
    Severity.NOTE,
    fails=says("<p>A river<br/> in the hills.</p>"),
    but_not=asks("Write the HTML of a paragraph.", "<p>A river.</p>"),
)
def html_tags() -> pl.Expr:
    """No HTML tags in an answer to a prompt that is not about markup."""
    return ~has(_plain(_ANGLED), f"(?i){_TAG}")


@check(Severity.NOTE, fails=says("Fish &amp; chips&nbsp;today"), but_not=says("Fish & chips"))
def html_entities() -> pl.Expr:
    """No HTML entities in an answer to a prompt that is not about markup."""
    return ~has(_plain(_AMPERSAND), _ENTITY)


@check(Severity.NOTE, fails=says("```\nprint(1)\n"), but_not=says("```\nprint(1)\n```"))
def open_code_fence() -> pl.Expr:
    """Every code fence is closed."""
    fenced = where(has_literal(answer(), "```"), answer())
    return (fenced.str.count_matches("```", literal=True) % 2 == 0).fill_null(True)


@check(Severity.NOTE, fails=says(LONG + "and then it"), but_not=says(LONG + "near the town."))
def unfinished() -> pl.Expr:
    """A long last line of prose ends with a full stop or another end of a sentence."""
    return ~(is_wanted() & ENDLESS)


# An end that no answer has, but for a word, a number or a sign in the middle of something.
_IS_NO_END = r"[^\s.!?。！？…\"'”’»`)\]}|*]\s*$"
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
_UNENDED = derived("t_unended", where(has(answer(), _IS_NO_END), answer()))
_CUT = derived("t_cut", where(_UNENDED.str.len_chars() >= MIN_CHARACTERS_TO_BE_CUT, _UNENDED))


def _is_open(text: pl.Expr, opening: str, closing: str) -> pl.Expr:
    """Whether nothing closes the last opening bracket, and more are opened than closed."""
    last = where(has(text, rf"{pl.escape_regex(opening)}[^{pl.escape_regex(opening + closing)}]*$"), text)
    more = last.str.count_matches(opening, literal=True) > last.str.count_matches(closing, literal=True)
    return more.fill_null(False)


@check(
    Severity.NOTE,
    fails=says(LONG * 3 + "near the town (founded in"),
    but_not=says(LONG * 3 + "near the town (founded in 1200)"),
)
def open_bracket() -> pl.Expr:
    """A long answer does not end inside a bracket: it was cut off there."""
    return ~pl.any_horizontal(_is_open(_CUT, *pair) for pair in BRACKETS)


@check(
    Severity.NOTE,
    fails=asks("Name a river.\n\n<noinput>", context="<noinput>"),
    but_not=asks("Name it.\n\nA river", context="A river without input from springs"),
)
def placeholder_input() -> pl.Expr:
    """The input is a real one, or none: not "<noinput>" or "N/A"."""
    words = f"{_NO_INPUT}|{_NOTHING}|<none>"
    context = pl.col("context").fill_null("")
    marker = r"(?i)[<(\[`]\s*\\?no\s?input\b|\n\s*\W{0,3}no\s?input(?:\s+\w+)?\W{0,3}\s*$"
    return ~(_placeholder(context, words) | has(where(asks_about("noinput", "no input"), prompt()), marker))


@check(Severity.DROP, fails=says("<nooutput>"), but_not=says("No output shafts are fitted to this pump."))
def placeholder_answer() -> pl.Expr:
    """The answer is not just "<nooutput>", "noinput" or the like."""
    return ~_placeholder(answer(), f"{_NO_OUTPUT}|{_NO_INPUT}")


@check(Severity.REVIEW, fails=says("N/A"), but_not=says("N/A means not applicable."))
def nothing_answered() -> pl.Expr:
    """The answer is not just "N/A" or a heading; it may be right where something was looked for in vain."""
    return ~_placeholder(answer(), _NOTHING_ANSWER)


@check(Severity.REVIEW, fails=says("<noinput>\nThe Nile"), but_not=says("There is no output yet."))
def placeholder_in_answer() -> pl.Expr:
    """No "<noinput>" or "<nooutput>" stands inside the answer."""
    text = where(has_literal(_PUT, "noinput", "nooutput", "no input", "no output", ignore_case=True), _PUT)
    return ~(has(text, _EMBEDDED_MARKER) & ~_placeholder(answer(), f"{_NO_OUTPUT}|{_NO_INPUT}"))


@check(Severity.REVIEW, fails=says("Sure.<|im_end|>"), but_not=says("The instruction was clear."))
def template_in_answer() -> pl.Expr:
    """No chat template's markers in the answer: a model would learn to write them."""
    return ~(is_wanted() & MARKED)


@check(Severity.NOTE, fails=asks("### Instruction:\nName a river."), but_not=asks("What is an instruction?"))
def template_in_prompt() -> pl.Expr:
    """No chat template's markers in the prompt."""
    return ~has_literal(prompt(), *TEMPLATE_MARKERS)


@check(
    Severity.DROP,
    fails=says("The Nile.\n##\n6. Instruction: Name a hill.\n6. Input:\n<noinput>\n6. Output:\nArthur's Seat"),
    but_not=says("Input: water. Output: power."),
)
def merged_instructions() -> pl.Expr:
    """The answer does not run on into another task with its own instruction, input and output."""
    numbered = _TASK.str.count_matches(_NEXT_TASK_NUMBERED) >= 2
    another = has(_TASK, _NEXT_TASK) & ~asks_about("instruction", among=_TASK.is_not_null())
    return ~(numbered.fill_null(False) | another)


@check(
    Severity.NOTE,
    fails=says("The Nile.\nHuman: And the second?\nAssistant: The Amazon."),
    but_not=asks("Write a dialogue at the river.", "A: Hi.\nAssistant: Hello."),
)
def role_markers() -> pl.Expr:
    """No "Human:" or "Assistant:" lines in the answer, unless the prompt asks for a dialogue."""
    return ~(has(_TOLD, _ROLE_LINE) & ~asks_about(*_DIALOGUE, among=_TOLD.is_not_null()))


@check(
    Severity.REVIEW,
    fails=says("![A river](https://example.com/river.png)"),
    but_not=says("A picture of a river hangs in the hall."),
)
def media_in_answer() -> pl.Expr:
    """The answer has no image, audio or video in it: a text model can only invent the link."""
    attached = where(has_literal(_LINKING, "ttached"), _LINKING)
    linked = has(_LINKING, _MARKDOWN_IMAGE) | has(_LINKING, _IMAGE_LINK) | has(attached, _ATTACHED_MEDIUM)
    alone = has(_BRACKETED, rf"(?m)^\s*(?:{_MEDIUM_IN_BRACKETS}|{_MEDIA_FILE})\s*$")
    tag = has(where(~asks_about(*_CODE, among=_LINKING.is_not_null()), _LINKING), _MEDIA_TAG)
    return ~(linked | alone | tag)


@check(
    Severity.REVIEW,
    fails=asks("Describe this photo.\n\n[Photo of a river]"),
    but_not=asks("Describe a photo that you would take."),
)
def absent_media() -> pl.Expr:
    """The prompt does not show an image, recording or attachment that the text cannot carry."""
    shown = has(_SHOWN, _MARKDOWN_IMAGE) | has(_SHOWN, _IMAGE_LINK) | has(_SHOWN, _MEDIUM_IN_BRACKETS)
    return ~(shown | has(_SHOWN, _MEDIA_FILE) | has(_SHOWN, _ATTACHED_MEDIUM))


@check(Severity.NOTE, fails=asks("Design a logo for a river cruise."), but_not=asks("Write a caption for a photo."))
def asks_for_media() -> pl.Expr:
    """The prompt does not ask for a drawing, a logo or another thing that text is not."""
    instruction = _VISUAL_PROMPT.str.extract(r"^\s*([^\n]*)")
    return ~has(instruction, _ASKS_FOR_MEDIUM) | has(instruction, _ABOUT_MEDIUM)


@check(Severity.NOTE, fails=asks("Summarise https://example.com/river"), but_not=asks("Summarise this. The end."))
def url_in_prompt() -> pl.Expr:
    """The prompt does not point to a web page, which a model cannot open."""
    text = where(
        has_literal(prompt(), "http", "www.", ".com", ".org", ".net", ".edu", ".gov", ".io", ".co.uk"), prompt()
    )
    return ~has(text, _URL)
