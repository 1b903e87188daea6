"""Mends: from a text to the text as it was meant, or None where nothing is to be mended or the mend is in doubt.

Pure, and quick on a megabyte of anything. Whoever reviews is shown them filled in; a run suggests them for every row,
and makes those that change no meaning where it is told to. What they say holds for the text alone: whether a prompt
asks for the very thing that looks like damage, its caller has to know.
"""

import html
import re

# UTF-8 that was read as Windows-1252 or Latin-1: a lead byte's letter before what its continuation byte became.
MISREAD = "[\u00c2-\u00f4][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
ENTITY = r"&(?:amp|lt|gt|quot|apos|nbsp|ndash|mdash|rsquo|lsquo|rdquo|ldquo|hellip|#\d{2,5}|#x[0-9A-Fa-f]{2,5});"
# What ends a turn in some chat template, and nothing in prose.
TURN_ENDS = (
    *("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "<end_of_turn>", "</s>"),
    *("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "<|user|>", "<|assistant|>", "<|system|>", "[INST]"),
)
TURN_HEADINGS = tuple(f"### {name}:" for name in ("Instruction", "Input", "Response", "Human", "Assistant", "User"))
QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»"}
"""Opening and closing; single quotes are apostrophes and Python's strings too."""

_TURN = r"(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>)"
# A chat template's opening of the assistant's own turn.
_OWN_HEADER = re.compile(
    rf"\s*(?:{_TURN}\s*(?:assistant|model)\s*(?:<\|end_header_id\|>)?|<\|assistant\|>|\[/INST\]"
    r"|### (?:Response|Assistant):)\s*"
)
# What ends a turn, or opens somebody else's.
_NEXT_TURN = re.compile(
    rf"(?:<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>|<end_of_turn>|{_TURN}|<\|user\|>|<\|system\|>|<<SYS>>|\[INST\]"
    r"|### (?:Instruction|Input|Human):|Below is an instruction that describes a task)"
)
_ANY_MARKER = re.compile(r"<\|\w+\|>|</?start_of_turn>|<end_of_turn>|\[/?INST\]|<</?SYS>>|### (?:\w+):")
_ROLES = r"(?:Human|User|Assistant|AI|Chatbot|Bot|ChatGPT|Customer|Agent|You|Me)"
_OWN_ROLE = re.compile(r"\s*(?:\*\*)?(?:(?:AI |Virtual )?Assistant|ChatGPT)(?:\*\*:|:\*\*|:)\s+")
_ROLE_LINE = re.compile(rf"^[ \t]{{0,8}}(?:\*\*)?(?:AI |Virtual )?{_ROLES}(?:\*\*)?:", re.MULTILINE)
_ANY_QUOTE = re.compile('["“”„«»]')
_MISREAD = re.compile(MISREAD)
_ENTITY = re.compile(ENTITY)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufffd\ud800-\udfff]")

# A placeholder is a phrase; what stands in a long text is part of the text.
PLACEHOLDER_BYTES = 60
_NO_INPUT = (
    r"no[\s_-]?i?n?put(?:\s+(?:is\s+)?(?:required|needed|necessary|provided|given|available))?|无输入|無輸入|没有输入"
)
_NOTHING = re.compile(
    rf"(?:{_NO_INPUT}|n\s?/\s?a|n\.a|none|not applicable|not available|无|無)(?:\W*\s\d{{1,3}})?", re.IGNORECASE
)
_ONLY_NO_INPUT = re.compile(_NO_INPUT, re.IGNORECASE)
_BRACKETED = re.compile(r"[<\[(`{\"']{1,4}\s{0,4}\\?no[\s_-]?input\s{0,4}\\?[>\])`}\"']{1,4}\.?", re.IGNORECASE)


def read_again(text: str) -> str | None:
    """UTF-8 that was read as Windows-1252 or Latin-1, read again as ftfy does.

    Only the encoding: quotes, ligatures and widths stay as they are. None where ftfy sees no damage, where bytes were
    lost on the way, and where what comes out still looks misread.
    """
    if not _MISREAD.search(text):
        return None
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    def again(said: str) -> str:
        return fix_encoding(said, replace_lossy_sequences=False, fix_c1_controls=False)

    read = again(text)
    doubtful = read == text or read.count("\ufffd") > text.count("\ufffd") or is_bad(read) or again(read) != read
    return None if doubtful else read


def unescaped(text: str) -> str | None:
    """HTML entities as the characters that they stand for.

    None in markup (there they belong), and where the outcome has a tag, another entity or an unseen character.
    """
    read = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if read == text or _TAG.search(read) or _ENTITY.search(read):
        return None
    return None if len(_UNSEEN.findall(read)) > len(_UNSEEN.findall(text)) else read


def without_header(text: str) -> str | None:
    """The answer without a template's header of the assistant's own turn in front of it."""
    own = _OWN_HEADER.match(text)
    return text[own.end() :] if own else None


def without_tail(text: str) -> str | None:
    """The answer without template marks at its end behind which nothing follows: no word of it is lost."""
    end = _visible_end(text, len(text))
    whole = end
    # Behind an opening tag it is HTML's.
    ends = [mark for mark in TURN_ENDS if not (mark == "</s>" and "<s>" in text)]
    while True:
        mark = next((mark for mark in ends if text.endswith(mark, 0, end)), None)
        heading = next((mark for mark in TURN_HEADINGS if text.endswith(mark, 0, end)), None)
        if heading and text[text.rfind("\n", 0, end) + 1 : end] == heading:
            mark = heading
        if mark is None:
            break
        end = _visible_end(text, end - len(mark))
    return text[:end] if end < whole else None


def _visible_end(text: str, end: int) -> int:
    while end and text[end - 1].isspace():
        end -= 1
    return end


def without_template(text: str) -> str | None:
    """The answer without its own header, and without everything from the next turn on: another's words are cut."""
    own = _OWN_HEADER.match(text)
    said = text[own.end() :] if own else text
    following = _NEXT_TURN.search(said)
    said = said[: following.start()] if following else said
    return None if _ANY_MARKER.search(said) else said.strip()


def without_role(text: str) -> str | None:
    """The answer without "Assistant:" in front of it; None in a transcript, where others speak too."""
    own = _OWN_ROLE.match(text)
    if not own or _ROLE_LINE.search(text, own.end()):
        return None
    return text[own.end() :]


def without_quotes(text: str) -> str | None:
    """The answer without the quotation marks around the whole of it; None where it has others inside."""
    said = text.strip()
    if len(said) < 3 or QUOTES.get(said[0]) != said[-1]:
        return None
    inner = said[1:-1]
    return inner if inner.strip() == inner and not _ANY_QUOTE.search(inner) else None


def without_placeholder(text: str) -> str | None:
    """ "" for an input that says nothing but that there is none ("<noinput>", "N/A"), else None."""
    return "" if _says(text, _NOTHING) else None


def without_placeholder_line(text: str) -> str | None:
    """The text without a last line that is such a placeholder, in brackets or below an empty line."""
    before, _, last = text.rstrip().rpartition("\n")
    apart = before.endswith("\n") and _says(last, _ONLY_NO_INPUT)
    return before.rstrip() if apart or _BRACKETED.fullmatch(last[: PLACEHOLDER_BYTES + 1].strip()) else None


def _says(text: str, words: re.Pattern[str]) -> bool:
    """Whether a short text is these words in any brackets."""
    if len(text) > PLACEHOLDER_BYTES or len(text.encode("utf-8", "replace")) > PLACEHOLDER_BYTES:
        return False
    seen = re.sub("&[lg]t;", " ", text)
    places = [place for place, char in enumerate(seen) if char.isalnum()]
    return bool(places) and words.fullmatch(seen[places[0] : places[-1] + 1]) is not None
