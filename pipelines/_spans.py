"""Where in a text a check finds what it finds: words that fail it by themselves, and without which the row passes.

A check says of a record whether it passes, not where it does not. So it is asked again, about parts of the text: the
shortest beginning that fails, of that the shortest end, and the text without those words. Only what both ways agree on
is marked, so that a check about a text as a whole (its length, its last line) marks nothing rather than something else.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from checks._text import behind
from checks.catalogue import reads_only_the_record, verdicts
from checks.registry import Check
from checks.versions import version_of
from pipelines.cache.keys import made_by, source_digest, text_keys
from pipelines.cache.remembered import remembered
from pipelines.cache.store import Store
from schemas.record import RECORD_SCHEMA

Text = Literal["completion", "prompt"]
Place = tuple[int, int]
"""Characters [start, end) of a text."""

_TEXTS: tuple[Text, ...] = ("completion", "prompt")
_WORD = re.compile(r"\S+")
# Beyond it a text is not searched: 5 examples of so many words are judged in a few milliseconds.
MOST_WORDS = 400
# More words in a row are not a place any more.
MOST_MARKED = 30
# Places of one text that are taken out before it has to pass.
_ROUNDS = 3

KIND = "marks"
"""Where the cache keeps them: what is shown of a check is the same rows run after run."""
_SCHEMA = pl.Schema({"text": pl.String(), "places": pl.List(pl.List(pl.Int64))})

# How checks of an amount are called: too much of something is nowhere in particular.
_AMOUNTS = ("_count", "_frequency", "_limit", "_points", "_target")


class Marked(NamedTuple):
    text: Text
    places: list[Place]  # in order


def marked(rows: pl.DataFrame, check: Check) -> list[Marked | None]:
    """For each of a handful of rows of RECORD_SCHEMA, all of which fail `check`, what to mark; null for nothing."""
    columns = _columns(check)
    found: list[Marked | None] = [None] * rows.height
    if not rows.height or check.name.endswith(_AMOUNTS) or not reads_only_the_record(check):
        return found
    for text in _TEXTS:
        left = [at for at, one in enumerate(found) if one is None]
        if text in columns and left:
            for at, places in zip(left, _places(rows[left].select(columns), check, text), strict=True):
                found[at] = Marked(text, places) if places else None
    return found


def remembered_marks(failing: Sequence[tuple[pl.DataFrame, Check]], cache: str | None) -> list[list[Marked | None]]:
    """`marked` for each of these; with `cache` worked out once for what a version of a check reads of a row."""
    if cache is None or not failing:
        return [marked(rows, check) for rows, check in failing]
    of = np.repeat(np.arange(len(failing)), [rows.height for rows, _ in failing])
    first = np.searchsorted(of, np.arange(len(failing)))

    def missing(positions: NDArray[np.int64]) -> pl.DataFrame:
        found: list[Marked | None] = []
        for number in np.unique(of[positions]).tolist():
            rows, check = failing[number]
            found += marked(rows[positions[of[positions] == number] - first[number]], check)
        told = [(None, None) if one is None else (one.text, [list(place) for place in one.places]) for one in found]
        return pl.DataFrame(told, schema=_SCHEMA, orient="row")

    store = Store(cache, KIND, made_by("marks", source_digest(__file__)), _SCHEMA)
    keys = pl.concat([_keys(rows, check) for rows, check in failing])
    known = remembered(store, keys, missing).rows()
    marks = [text and Marked(text, [(start, end) for start, end in places]) for text, places in known]
    return [marks[start : start + rows.height] for start, (rows, _) in zip(first, failing, strict=True)]


def _keys(rows: pl.DataFrame, check: Check) -> pl.Series:
    version = pl.lit(f"{check.reason} {version_of(*check.reads)}").alias("version")
    # A row each, also where a check reads nothing of it.
    read = rows.with_columns(pl.struct(version, *_columns(check)).alias("read"))
    return text_keys(read["read"].struct.json_encode())


def _columns(check: Check) -> list[str]:
    """The columns of a record that the verdict follows from."""
    read = {name for one in (*check.reads, *behind(check.reads).values()) for name in one.meta.root_names()}
    return [name for name in RECORD_SCHEMA if name in read]


def _places(rows: pl.DataFrame, check: Check, text: Text) -> list[list[Place]]:
    asked = _Asked(rows, check, text)
    texts: list[str] = rows[text].fill_null("").to_list()
    found: list[list[Place]] = [[] for _ in texts]
    done: set[int] = set()
    # What fails without any text does not fail for a word of it.
    empty = asked.fails([(row, "") for row in range(len(texts))])
    active = [row for row in range(len(texts)) if not empty[row] and len(_WORD.findall(texts[row])) <= MOST_WORDS]
    for _ in range(_ROUNDS):
        places = _shortest(asked, [(row, texts[row]) for row in active])
        active = [row for row in active if row in places]
        for row in active:
            start, end = places[row]
            found[row].append((start, end))
            texts[row] = texts[row][:start] + re.sub(r"\S", " ", texts[row][start:end]) + texts[row][end:]
        still = asked.fails([(row, texts[row]) for row in active])
        done |= {row for row, fails in zip(active, still, strict=True) if not fails}
        active = [row for row, fails in zip(active, still, strict=True) if fails]
    return [sorted(places) if row in done else [] for row, places in enumerate(found)]


class _Asked(NamedTuple):
    """The check, asked about rows with another text in place of theirs."""

    rows: pl.DataFrame
    check: Check
    text: Text

    def fails(self, variants: Sequence[tuple[int, str]]) -> list[bool]:
        """For each (row, text) whether the row fails with that text."""
        if not variants:
            return []
        texts = pl.Series(self.text, [text for _, text in variants], dtype=pl.String)
        frame = self.rows[[row for row, _ in variants]].with_columns(texts)
        # What the check is not about then does not fail it.
        passed = verdicts(frame, [self.check]).to_series().fill_null(True)
        return (~passed).to_list()


def _shortest(asked: _Asked, texts: Sequence[tuple[int, str]]) -> dict[int, Place]:
    """row -> the end of its shortest failing beginning, and the last word from which it fails up to there.

    What separates that word from the one before it belongs to it: a rule may be about what begins a line.
    """
    words = {row: [match.span() for match in _WORD.finditer(text)] for row, text in texts}
    whole = dict(texts)
    beginnings = [(row, end) for row, _ in texts for _, end in words[row]]
    failing = asked.fails([(row, whole[row][:end]) for row, end in beginnings])
    ends: dict[int, int] = {}
    for (row, end), fails in zip(beginnings, failing, strict=True):
        if fails:
            ends.setdefault(row, end)
    pieces = [
        (row, before, start)
        for row, end in ends.items()
        for before, start in [
            (before, start) for (_, before), (start, stop) in pairwise([(0, 0), *words[row]]) if stop <= end
        ][-MOST_MARKED:]
    ]
    failing = asked.fails([(row, whole[row][before : ends[row]]) for row, before, _ in pieces])
    starts = {row: start for (row, _, start), fails in zip(pieces, failing, strict=True) if fails}
    return {row: (start, ends[row]) for row, start in starts.items()}
