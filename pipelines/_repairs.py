"""The repairs that a run suggests: each a pure function from text to text, and what has to be so for it to apply.

A repair is safe where it changes no meaning: who reads the record before and after is told the same. Its docstring says
why. `--apply-repairs safe` makes the safe ones and no other.
"""

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

import polars as pl

from annotation.asking import mends

FAMILY = "repair"
"""A repair stands in the ledger as `repair.NAME`."""


class Part(Enum):
    """What of a record a repair reads. An answer that people compared or labelled stays as they saw it."""

    TURNS = auto()  # every turn but those of tools; of a preference or a labelled completion what comes before it
    ANSWERS = auto()  # the assistant's turns of a conversation to learn from
    LAST_ANSWER = auto()  # the one that ends it
    INPUT = auto()  # the input beside the instruction, or a last line that stands for it


class Repair(NamedTuple):
    """`shows` is true of every row that the repair can change; `mend` is asked about those, and gives None or better.

    Nothing is repaired where `unless` occurs in the prompt: there the damage may be what is asked about.
    """

    name: str
    safe: bool
    part: Part
    shows: pl.Expr
    unless: re.Pattern[str]
    mend: Callable[[str], str | None]
    description: str  # the docstring's first line
    past: str  # what was done, for the ledger


REPAIRS: dict[str, Repair] = {}
"""By name, in the order in which they are made: what hides another damage comes first."""


def _repair(
    *, safe: bool, part: Part, shows: pl.Expr, unless: str, past: str
) -> Callable[..., Callable[..., str | None]]:
    def register(mend: Callable[[str], str | None]) -> Callable[[str], str | None]:
        name, about = mend.__name__, (mend.__doc__ or "").split("\n", 1)[0]
        stop = re.compile(unless, re.IGNORECASE)
        REPAIRS[name] = Repair(name, safe, part, shows.fill_null(False), stop, mend, about, past)
        return mend

    return register


_PROMPT, _ANSWER = pl.col("prompt"), pl.col("completion")
_CODE = (
    r"\bcode|\bscript|\bprogram|python|\bjava|\bsql\b|\bc\+\+|\bjson|\byaml|\bcsv\b|regex|\bstring|\bfunction|代码|程序"
)
_MARKUP = r"html|xml|\bcss\b|\btags?\b|markup|markdown|entit|escap|\bweb|\bpage|\bsvg|\breact\b|\brender|\bhref"


def _anywhere(pattern: str) -> pl.Expr:
    return _PROMPT.str.contains(pattern) | _ANSWER.str.contains(pattern)


def _literally(*literals: str) -> pl.Expr:
    pattern = "|".join(map(pl.escape_regex, literals))
    return _anywhere(pattern)


@_repair(
    safe=True,
    part=Part.TURNS,
    shows=_anywhere(mends.MISREAD),
    unless=r"mojibake|encod|decod|unicode|utf-?8|latin-?1|charset|garbled|乱码",
    past="text read again in its encoding",
)
def mojibake(text: str) -> str | None:
    """UTF-8 that was read as Windows-1252 or Latin-1 is read again.

    Safe: the same bytes are read as what they were written as. Only where ftfy sees damage, no byte was lost, and what
    comes out looks like text and would not be changed again; prompts about encodings are left alone.
    """
    return mends.read_again(text)


@_repair(
    safe=True,
    part=Part.TURNS,
    shows=_anywhere(mends.ENTITY),
    unless=rf"{_MARKUP}|{_CODE}|&(?:amp|lt|gt|quot|nbsp);?\W+(?:mean|stand|represent)",
    past="HTML entities written as characters",
)
def html_entities(text: str) -> str | None:
    """HTML entities in prose become the characters that they stand for.

    Safe: a browser shows the same text. Not where the prompt is about markup or code, where the text has or would get
    tags, nor where it was escaped twice: there an entity may be meant as one.
    """
    return mends.unescaped(text)


_TEMPLATES = (
    r"template|prompt format|chat format|chatml|special token|delimiter|separator|fine-?tun|jinja|<\|im_|\[INST\]"
)


@_repair(
    safe=True,
    part=Part.ANSWERS,
    shows=_literally("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "<|assistant|>", "[/INST]", "### "),
    unless=_TEMPLATES,
    past="a template's header taken off the answer",
)
def template_head(text: str) -> str | None:
    """A chat template's header of the assistant's turn in front of an answer is taken off.

    Safe: the header says that the assistant speaks, which the turn's role says already; the trainer's template writes
    its own. Not where the prompt is about templates.
    """
    return mends.without_header(text)


@_repair(
    safe=True,
    part=Part.ANSWERS,
    shows=_literally(*mends.TURN_ENDS, "### "),
    unless=rf"{_TEMPLATES}|{_MARKUP}|strike",
    past="a template's marks taken off the answer's end",
)
def template_tail(text: str) -> str | None:
    """Marks of a chat template that end an answer, with nothing behind them, are taken off.

    Safe: no word goes; that the turn is over follows from its end. Where words follow a mark they are another turn's,
    and that is `next_turn`.
    """
    return mends.without_tail(text)


@_repair(
    safe=True,
    part=Part.LAST_ANSWER,
    shows=_ANSWER.str.contains(r"^\s*(?:\*\*)?(?:(?:AI |Virtual )?Assistant|ChatGPT)(?:\*\*)?:"),
    unless=r"dialog|conversation|chat|\bbot\b|script|interview|interact|transcript|assistant|\brole|defin|\bmean",
    past='"Assistant:" taken off the answer',
)
def role_markers(text: str) -> str | None:
    """ "Assistant:" in front of an answer is taken off.

    Safe: it says who speaks, which the turn's role says already. Not in a transcript with other speakers, nor where the
    prompt asks for a dialogue or about an assistant.
    """
    return mends.without_role(text)


@_repair(
    safe=True,
    part=Part.LAST_ANSWER,
    shows=_ANSWER.str.contains('^\\s*["“„«]') & _ANSWER.str.contains('["”»]\\s*$'),
    unless=r"[\"“”„«»]|quot|\bcit(?:e|ation)|dialog|conversation|\bsa(?:y|ys|id)\b|\bspeech|\bsearch|\bpassage|\bextract"
    rf"|\bexcerpt|punctuat|{_CODE}|引号|引用|引语|名言|对话|搜索|查询",
    past="quotation marks taken off around the answer",
)
def surrounding_quotes(text: str) -> str | None:
    """Quotation marks around the whole of an answer are taken off.

    Safe: a title or slogan is the same without them. Only double marks and none inside; not where the prompt has any
    itself, asks for a quotation or for somebody's words, or is about code, where they make a string.
    """
    return mends.without_quotes(text)


_CONTEXT = pl.col("context")
_ENDS_IN_NONE = r"(?i)no[\s_-]?i?n?put[^\n]{0,24}\s*$|(?:无输入|無輸入)\W*$"
_SAYS_NONE = r"(?i)no[\s_-]?i?n?put|n\s?/\s?a|n\.a|none|not a|无|無|没有"


@_repair(
    safe=True,
    part=Part.INPUT,
    shows=(_CONTEXT.str.len_bytes().le(mends.PLACEHOLDER_BYTES) & _CONTEXT.str.contains(_SAYS_NONE))
    | (_CONTEXT.is_null() & _PROMPT.str.contains(_ENDS_IN_NONE)),
    unless=r"no[\s_-]?(?:in|out)put|\bn/a\b|placeholder|\bnone\b|\bnull\b|not applicable|translat|"
    r"\bpython|\bvariable|\bboolean|\bthis (?:phrase|word|message|error|expression|value)",
    past="the placeholder input emptied",
)
def placeholder_input(text: str) -> str | None:
    """An input that only says that there is none is emptied.

    Safe: "<noinput>" and no input tell a reader the same. Not where the instruction speaks of such words itself, nor a
    longer input with a placeholder in it.
    """
    return mends.without_placeholder(text)


@_repair(
    safe=False,
    part=Part.ANSWERS,
    shows=_literally(*mends.TURN_ENDS, "### "),
    unless=_TEMPLATES,
    past="another turn cut off the answer",
)
def next_turn(text: str) -> str | None:
    """What follows a chat template's mark in an answer, another turn, is cut off.

    Not safe: words go, and only a person can tell that none of them was part of the answer.
    """
    return mends.without_template(text)


SAFE = tuple(repair for repair in REPAIRS.values() if repair.safe)
OTHERS = tuple(repair for repair in REPAIRS.values() if not repair.safe)
