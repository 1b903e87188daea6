"""Where in a row's texts the checks find what they find, for whoever reads the row: words, or the row as a whole."""

from itertools import pairwise
from typing import Any

import polars as pl

from checks.catalogue import all_checks
from pipelines._shown import visible
from pipelines._spans import MOST_WORDS, Marked, Place, marked
from pipelines.browsing.held import Held
from schemas.record import RECORD_SCHEMA

# Of a place, in the list of findings; in the text itself all of it is marked.
_QUOTE = 120


def places(held: Held, row: dict[str, Any]) -> dict[str, Any]:
    """Of one of held.rows: `findings`, from a reason or note that is a check's to where it is, and `texts`, cut at the
    marks: [piece, whether it is marked].

    A finding has the `quotes` of its words, none where it has no place in the text, and then `long`: whether the text
    was too long to be searched. Every text is made harmless to look at.
    """
    known = {check.reason: check for check in all_checks()}
    checks = [known[name] for name in dict.fromkeys([*row["reasons"], *row["notes"]]) if name in known]
    if row["place"] is None or not checks:
        return {"findings": {}, "texts": {}}
    record = held.records.filter(pl.col("place") == row["place"]).select(list(RECORD_SCHEMA)).collect()
    texts = {name: record[name][0] or "" for name in ("prompt", "completion")}
    long = any(len(text.split()) > MOST_WORDS for text in texts.values())
    found = {check.reason: marked(record, check)[0] for check in checks}
    every: dict[str, list[Place]] = {}
    for one in found.values():
        if one is not None:
            every.setdefault(one.text, []).extend(one.places)
    return {
        "findings": {name: _finding(texts, one, long=long) for name, one in found.items()},
        "texts": {name: _pieces(texts[name], _joined(some)) for name, some in every.items()},
    }


def _finding(texts: dict[str, str], found: Marked | None, *, long: bool) -> dict[str, Any]:
    if found is None:
        return {"quotes": [], "long": long}
    quotes = [texts[found.text][start:end].strip() for start, end in found.places]
    return {"quotes": [visible(quote, _QUOTE) for quote in quotes], "long": False}


def _joined(places: list[Place]) -> list[Place]:
    """The places in order, those that overlap as one.

    >>> _joined([(9, 12), (0, 4), (2, 6)])
    [(0, 6), (9, 12)]
    """
    joined: list[Place] = []
    for start, end in sorted(places):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _pieces(text: str, places: list[Place]) -> list[tuple[str, bool]]:
    """All of the text, in pieces.

    >>> _pieces("I cannot do it", [(2, 8)])
    [('I ', False), ('cannot', True), (' do it', False)]
    """
    edges = [0, *(edge for place in places for edge in place), len(text)]
    pieces = [(text[start:end], number % 2 == 1) for number, (start, end) in enumerate(pairwise(edges))]
    return [(visible(piece, max(len(piece), 1)), is_marked) for piece, is_marked in pieces if piece]
