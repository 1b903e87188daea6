"""Text as markdown that shows exactly the text: nothing in it is rendered, linked, run or lost.

Argilla shows fields as sanitised markdown, because it runs what stands in a plain field. What a record says
must be seen as it is, so every sign that markdown knows is escaped, each line break is kept, and indentation
is made of spaces that a browser does not fold.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import groupby

_KEPT = "\u00a0"  # a space that browsers do not fold
_TAB = 4
# The page's parser takes time by the square of what it finds in one paragraph: measured 40 ms for so many.
MOST_IN_PARAGRAPH = 2_000

# What has a meaning anywhere in a line, mathematics ($) and e-mail addresses (@) included.
_SIGNS = re.compile(r"[\\`*_\[\]<>&~|$@#]")
# What has one at a line's start: lists, rules, underlines of headings.
_AT_START = re.compile(r"^(?:([-+=])|(\d{1,9})([.)]))")
# A bare address becomes a link.
_ADDRESS = re.compile(r"(?i)(https?|ftp):(?=//)")
_WEB = re.compile(r"(?i)(www)\.")
_INDENT = re.compile(r"^[ \t]+")
_RUN = re.compile(r"[ \t]{2,}|\t")
# Control characters are shown as their Unicode pictures, or nobody would see them.
_PICTURES = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)} | {0x7F: 0x2421}

_OPENING = re.compile(r" {0,3}(`{3,}|~{3,})[^`]*")


def as_text(text: str) -> str:
    """Markdown in which a reader sees `text`, letter by letter.

    What stands between two code fences is shown in a fixed width, with the fences themselves above and below it.
    White space at the end, which nobody sees, is left out; "" where there is nothing to see.

    >>> print(as_text("<b>*no*</b>"))
    \\<b\\>\\*no\\*\\</b\\>
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").translate(_PICTURES).rstrip()
    return "\n\n".join(_blocks(plain.split("\n"))) if plain else ""


def code(text: str) -> str:
    """Markdown that shows `text` in a fixed width, whatever fences it holds itself."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _blocks(lines: list[str]) -> Iterator[str]:
    fences: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("```", "~~~")):
            fences.setdefault(line.strip(), []).append(number)
    prose: list[str] = []
    place = 0
    while place < len(lines):
        end = _closing(lines[place], place, fences)
        if end is None:
            prose.append(lines[place])
            place += 1
            continue
        yield from _paragraphs([*prose, lines[place]])
        if end > place + 1:
            yield code("\n".join(lines[place + 1 : end]))
        prose = [lines[end]]
        place = end + 1
    yield from _paragraphs(prose)


def _closing(line: str, place: int, fences: dict[str, list[int]]) -> int | None:
    """The line that closes the fence which opens in `line`, number `place`; None where none does."""
    opening = _OPENING.fullmatch(line)
    later = fences.get(opening[1], []) if opening else []
    found = bisect_right(later, place)
    return later[found] if found < len(later) else None


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """A paragraph for what stands between blank lines; further blank lines are put before it."""
    blank = 0
    is_first = True
    for is_blank, group in groupby(lines, key=lambda line: not line.strip()):
        said = list(group)
        if is_blank:
            blank = len(said)
            continue
        before = min(blank if is_first else blank - 1, MOST_IN_PARAGRAPH)
        is_first = False
        for start in range(0, len(said), MOST_IN_PARAGRAPH):
            yield "\\\n" * before + _paragraph(said[start : start + MOST_IN_PARAGRAPH])
            before = 0


def _paragraph(lines: list[str]) -> str:
    said = "\\\n".join(_line(line.rstrip()) for line in lines)
    # Parsers may strip a paragraph of white space of every kind.
    said = "&nbsp;" + said[1:] if said.startswith(_KEPT) else said
    if said.count("\\") < 2 * MOST_IN_PARAGRAPH:
        return said
    # Less readable where the markdown itself is read, but the parser passes over it.
    return re.sub(r"\\([^\n])", lambda found: f"&#{ord(found[1])};", said)


def _line(line: str) -> str:
    indent = _INDENT.match(line)
    said = line[indent.end() :] if indent else line
    said = _SIGNS.sub(r"\\\g<0>", said)
    said = _AT_START.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", said)
    said = _WEB.sub(r"\1\\.", said)
    said = _ADDRESS.sub(r"\1\\:", said)
    said = _RUN.sub(lambda found: _KEPT * (_width(found[0]) - 1) + " ", said)
    return _KEPT * (_width(indent[0]) if indent else 0) + said


def _width(spaces: str) -> int:
    return len(spaces.expandtabs(_TAB))
