"""Tables as Markdown, and the pages that they stand in"""

import re
from collections.abc import Iterable, Sequence


def as_markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table.

    >>> as_markdown(["a", "b"], [["1", "2"]])
    '| a | b |\\n| --- | --- |\\n| 1 | 2 |\\n'
    """
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, ["---"] * len(head), *lines])


def into_page(text: str, table: str, name: str = "") -> str:
    """A page with what stands between its two comments replaced: of several tables, those whose comment begins so.

    >>> into_page("<!-- table: x -->\\nold<!-- end of table -->", "new", "x")
    '<!-- table: x -->\\nnew<!-- end of table -->'
    """
    place = re.compile(rf"(<!-- table: {re.escape(name)}.*? -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)
    assert place.search(text), "the page has no place for a table"
    return place.sub(lambda found: found[1] + table + found[3], text)
