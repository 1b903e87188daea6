"""The bounds that requests state, as columns: structs of `least`, `most` and `is_size`, null where none is stated."""

from collections.abc import Callable

import polars as pl

from checks._text import derived, has, has_literal, where
from checks.demands.asked import filled
from checks.demands.bounds import CHARACTERS, PARAGRAPHS, SENTENCES, WORDS, Bound, Unit, bound, mention
from checks.demands.counts import Range
from checks.demands.lists import ITEMS_ASKED, ITEMS_ASKED_IN_CHINESE, UNCLEAR_ITEMS, items
from checks.demands.request import REQUEST

_BOUND = pl.Struct({"least": pl.Int64(), "most": pl.Int64(), "is_size": pl.Boolean()})


def _read(asked: pl.Expr, reader: Callable[[str], Bound | None]) -> pl.Expr:
    def each(requests: pl.Series) -> pl.Series:
        rows = requests.is_not_null().arg_true()
        found = [(row, read) for row, read in zip(rows, map(reader, requests.gather(rows)), strict=True) if read]
        bounds = pl.DataFrame([read for _, read in found], schema=_BOUND.to_schema(), orient="row").to_struct()
        return filled(requests.len(), pl.Series([row for row, _ in found], dtype=pl.UInt32), bounds)

    return asked.map_batches(each, return_dtype=_BOUND)


_DIGITS = (*"0123456789", *"两二三四五六七八九十")
_SPELT = (
    *(" one ", " one-", " two", " three", " four", " five", " six", " seven", " eight", " nine", " ten ", " ten-"),
    *(" eleven", " twel", " thir", " fif", " twenty", " dozen", " single", " hundred"),
)
_COUNTING = derived("t_request_counting", where(has_literal(REQUEST, *_DIGITS, *_SPELT, ignore_case=True), REQUEST))


def _stated(unit: Unit, hint: str) -> pl.Expr:
    hinted = derived(f"t_request_{hint}", where(has_literal(_COUNTING, hint, ignore_case=True), _COUNTING))
    once = where(hinted.str.count_matches(mention(unit)) == 1, hinted)
    return _read(once, lambda request: bound(request, unit))


WORD_BOUND = derived("d_words", _stated(WORDS, "word"))
CHARACTER_BOUND = derived("d_characters", _stated(CHARACTERS, "character"))
SENTENCE_BOUND = derived("d_sentences", _stated(SENTENCES, "sentence"))
PARAGRAPH_BOUND = derived("d_paragraphs", _stated(PARAGRAPHS, "paragraph"))
_IN_ENGLISH, _IN_CHINESE = has(_COUNTING, ITEMS_ASKED), has(_COUNTING, ITEMS_ASKED_IN_CHINESE)
_LISTING = derived("t_listing", where(_IN_ENGLISH | _IN_CHINESE, _COUNTING))
ITEM_BOUND = derived("d_items", _read(where(~has(_LISTING, UNCLEAR_ITEMS), _LISTING), items))


def is_stated(bounds: pl.Expr) -> pl.Expr:
    """Whether the request states a bound."""
    return bounds.struct.field("least").is_not_null()


def is_size(bounds: pl.Expr) -> pl.Expr:
    """Whether that is no hard limit."""
    return bounds.struct.field("is_size").fill_null(False)


def keeps(bounds: pl.Expr, count: Range) -> pl.Expr:
    """Whether a count can be within the bounds, by whichever rule it is taken."""
    return (count.low <= bounds.struct.field("most")) & (count.high >= bounds.struct.field("least"))
