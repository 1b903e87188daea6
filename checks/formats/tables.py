"""Tables in an answer: Markdown's, and CSV."""

import csv
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from checks.formats.snippets import all_read, code_only, fenced, unfenced

# A line of dashes between bars is what makes lines a table.
DELIMITER = r"(?m)^[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|[ \t]*(?::?-+:?[ \t]*\|?[ \t]*)?$"
_DELIMITER = re.compile(DELIMITER)
_CODE_SPAN = re.compile(r"(`+)[^`\n]+\1")
_BAR = re.compile(r"(?<!\\)\|")

CSV_TAGS = frozenset({"csv", "tsv"})
CSV_ASKED = (
    r"(?i)\b(?:in|as|into|to|output|return|produce|generate|formatted as)\s+(?:\w+\s+){0,3}?"
    r"(?:csv|comma[- ]separated values?)\b(?! file)"
)
_CSV_ASKED = re.compile(CSV_ASKED)
_PROGRAM = re.compile(r"(?i)\b(?:function|script|program|code|class|python|java|pandas|how|command)\b")


def holds_markdown_tables(answer: str, _prompt: str) -> bool | None:
    """Whether every table of the answer is one to a Markdown reader, and no row has more cells than its head.

    Null where there is none. Tables inside fences are texts, and of no concern.
    """
    plain = unfenced(answer)
    found = _DELIMITER.findall(plain)
    if not found:
        return None
    tables = list(_tables(plain))
    # As many as have a line of dashes: a head of another width makes none.
    return len(tables) >= len(found) and all(len(set(map(_width, rows[:2]))) == 1 and _fits(rows) for rows in tables)


def _tables(text: str) -> Iterator[list[str]]:
    """The lines of each table that a reader of GitHub's Markdown sees."""
    lines = text.split("\n")
    for token in _reader().parse(text):
        if token.type == "table_open" and token.map:
            yield lines[token.map[0] : token.map[1]]


@cache
def _reader() -> Any:
    """Of tables and nothing else."""
    from markdown_it import MarkdownIt

    return MarkdownIt("zero").enable("table")


def _fits(rows: list[str]) -> bool:
    return all(_width(row) <= _width(rows[0]) for row in rows)


def _width(row: str) -> int:
    """How many cells a row has: bars that are escaped or in code part none."""
    bare = _CODE_SPAN.sub("x", row).strip()
    bare = bare.removeprefix("|")
    return len(_BAR.findall(bare if not bare.endswith("|") or bare.endswith("\\|") else bare[:-1])) + 1


def holds_csv(answer: str, prompt: str) -> bool | None:
    """Whether all CSV of the answer can be read, each row with as many cells as the first; null where there is none.

    Unfenced it is CSV where the prompt asks for CSV, and no program, and a line has a comma.
    """
    blocks = fenced(answer)
    if blocks:
        return all_read((block.text for block in blocks if block.language in CSV_TAGS), is_csv)
    if not _CSV_ASKED.search(prompt) or _PROGRAM.search(prompt):
        return None
    text = code_only(answer).strip()
    return is_csv(text) if re.match(r"[^\n,]*,[^\n]*\n", text) else None


def is_csv(text: str) -> bool | None:
    """Whether rows of equal width can be read, with tabs, semicolons or commas between their cells.

    >>> is_csv("a,b\\n1,\\"2, 3\\""), is_csv("a,b\\n1"), is_csv("a\\tb\\n1\\t2")
    (True, False, True)
    """
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not lines:
        return None
    sign = max(",;\t", key=lines[0].count)
    try:
        widths = {len(row) for row in csv.reader(lines, delimiter=sign, strict=True, skipinitialspace=True)}
    except csv.Error:
        return False
    return len(widths) == 1
