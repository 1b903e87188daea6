"""LaTeX in an answer: whether what begins in it ends, in the right order."""

import re

from checks.formats.snippets import fenced, unfenced

TAGS = frozenset({"latex", "tex"})
# Commands that only LaTeX has.
COMMAND = (
    r"\\(?:begin|end|frac|dfrac|tfrac|sqrt|sum|int|prod|lim|left|right|cdot|times|div|pm|le|leq|ge|geq|neq?|approx|infty"
    r"|alpha|beta|gamma|delta|epsilon|theta|lambda|mu|pi|rho|sigma|tau|phi|omega|Delta|Sigma|Omega|partial|nabla"
    r"|mathbb|mathbf|mathrm|text|textbf|textit|vec|hat|bar|overline|ln|log|sin|cos|tan|boxed|binom|to|rightarrow"
    r"|Rightarrow|implies|in|forall|exists|quad|section|documentclass|usepackage)\b"
)
_COMMAND = re.compile(COMMAND)
_INLINE_CODE = re.compile(r"(`+)[^`\n]+\1")
_COMMENT = re.compile(r"(?<!\\)%[^\n]*")
_VERBATIM = re.compile(r"\\begin\{(verbatim|lstlisting|minted)\*?\}.*?\\end\{\1\*?\}|\\verb\*?(\W).*?\2", re.S)
_MONEY = re.compile(r"(?<![\\$])\$(?=[ ]?\d[\d,.]*(?:[kKmMbB]\b|[ .,;:)!?\n]|$))")
_TOKEN = re.compile(
    r"\\\\|\\(?P<begin>begin)\s*\{(?P<opens>[^{}\n]*)\}|\\(?P<end>end)\s*\{(?P<closes>[^{}\n]*)\}"
    r"|\\(?P<side>left|right)(?![A-Za-z])|\\(?P<mark>[()\[\]])|\\[{}$%&#_]|(?P<dollars>\$\$?)|(?P<brace>[{}])"
)


def holds_latex(answer: str, _prompt: str) -> bool | None:
    """Whether environments, formulas, sized brackets and braces of all LaTeX in the answer end, in the right order.

    Null where there is none: a dollar is an amount where no command of LaTeX is there.
    """
    tagged = [block.text for block in fenced(answer) if block.language in TAGS]
    outside = _INLINE_CODE.sub("", unfenced(answer))
    texts = [*tagged, outside] if _COMMAND.search(outside) else tagged
    return all(map(is_balanced, texts)) if texts else None


def is_balanced(text: str) -> bool:
    """Whether all that begins ends.

    >>> is_balanced(r"\\[ \\frac{1}{2} \\]"), is_balanced(r"\\begin{a}\\end{b}"), is_balanced("it costs $5, $x$ twice")
    (True, False, True)
    """
    plain = _COMMENT.sub("", _VERBATIM.sub("", text))
    return _ends(plain) or ("$" in plain and _ends(_MONEY.sub("", plain)))


def _ends(text: str) -> bool:
    open_ones: list[str] = []
    for token in _TOKEN.finditer(text):
        if not _takes(token, open_ones):
            return False
    return not open_ones


def _takes(token: re.Match[str], open_ones: list[str]) -> bool:
    """Whether the token may stand where these are open; it is put to them, or the last of them is taken off."""
    opened, closed = _meaning(token, open_ones)
    if opened:
        open_ones.append(opened)
    return not closed or (bool(open_ones) and open_ones.pop() == closed)


_PAIRS = {"(": ")", "[": "]", "{": "}"}


def _meaning(token: re.Match[str], open_ones: list[str]) -> tuple[str, str]:
    """What the token opens, and what it closes: the names by which both are known."""
    if token["begin"]:
        return "begin " + token["opens"], ""
    if token["end"]:
        return "", "begin " + token["closes"]
    if token["side"]:
        return ("left", "") if token["side"] == "left" else ("", "left")
    if token["dollars"]:
        return ("", token["dollars"]) if token["dollars"] in open_ones else (token["dollars"], "")
    sign = token["mark"] or token["brace"]
    if not sign:
        return "", ""
    return _of_brackets(sign, "\\" if token["mark"] else "")


def _of_brackets(sign: str, before: str) -> tuple[str, str]:
    if sign in _PAIRS:
        return before + _PAIRS[sign], ""
    return "", before + sign
