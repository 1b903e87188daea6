"""Quality: a first, explainable score of how well a completion answers its prompt.

A logistic model over features that a person can read. Most weights were fitted on pairs of answers of
which people preferred one (docs/decisions/0004-quality-score.md; benchmarks/fit_quality.py repeats the
fit). The score knows form, not truth: a fluent, complete, wrong answer scores well.
"""

from functools import reduce
from operator import add
from typing import NamedTuple

import polars as pl

from checks._text import (
    N_WORDS,
    ODD_COMPLETION,
    VISIBLE,
    completion,
    has,
    has_literal,
    is_kind,
    prompt,
    where,
    with_derived,
)
from checks.formatting import ENDLESS, MARKED, MISREAD
from checks.refusal import declines
from schemas.record import Kind

# Where more of the same stops counting. Length: the revised answers of CoachLM have a median of 125 words
# and a ninth decile near 250; 60 words separate a phrase from an answer.
ENOUGH_WORDS = 60
FULL_WORDS = 250
FULL_PARAGRAPHS = 6
LONG_SENTENCE_WORDS = 40
# Variety and overlap change with length, so both are measured on a beginning of fixed length.
VARIETY_WORDS = 60
OVERLAP_WORDS = 150
READ_CHARACTERS = 1200
# Shorter words are mostly articles and prepositions; an ideograph is a word by itself.
_CONTENT_WORD = r"\p{Han}|[\p{Hiragana}\p{Katakana}]{2}|^.{4}"
_WORD = r"\p{Han}|[\p{Hiragana}\p{Katakana}]+|[\p{L}\p{N}\p{M}'’_]+"
_SIGN = r"\p{Han}\p{Hiragana}\p{Katakana}"
_COUNTED = rf"[{_SIGN}]|[^\s{_SIGN}]+"


class Part(NamedTuple):
    """One feature, in [0, 1]: its weight in log-odds and its mean over unrevised Alpaca answers."""

    name: str
    weight: float
    typical: float
    fitted: bool
    value: pl.Expr
    description: str


def _words(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.extract_all(_WORD)


def _counted() -> pl.Expr:
    """Words of the completion, an ideograph being one. Without ideographs they are what stands between spaces."""
    signed = where(has(ODD_COMPLETION, f"[{_SIGN}]"), completion())
    return pl.coalesce(signed.str.count_matches(_COUNTED).cast(pl.Int64), N_WORDS).cast(pl.Float64)


def _content_words(words: pl.Expr) -> pl.Expr:
    return words.list.filter(pl.element().str.contains(_CONTENT_WORD)).list.unique()


# Read by the parts, computed once: how long, and with which words.
_WORKING = (
    {
        "q_words": _counted(),
        "q_begin": _words(completion().str.head(READ_CHARACTERS)),
        "q_asked": _content_words(_words(prompt().str.tail(READ_CHARACTERS)).list.tail(OVERLAP_WORDS)),
    },
    {"q_said": _content_words(pl.col("q_begin").list.head(OVERLAP_WORDS))},
    {"q_shared": pl.col("q_asked").list.set_intersection("q_said").list.len()},
)


def _saturating(count: pl.Expr, full: int) -> pl.Expr:
    """Logarithm of a count as a share of that of `full`, at most 1."""
    return (count.log1p() / pl.lit(float(full)).log1p()).clip(0, 1)


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """part / whole in [0, 1]; 0 where the whole is empty."""
    return (part / whole.clip(1)).clip(0, 1)


def _values() -> dict[str, tuple[pl.Expr, str]]:
    text, words = completion(), pl.col("q_words")
    lines = text.str.count_matches(r"\n").cast(pl.Float64)
    sentences = text.str.count_matches(r"[.!?](?:\s|$)|[。！？]") + lines
    begin = pl.col("q_begin").list.head(VARIETY_WORDS)
    damaged = MISREAD | MARKED | has_literal(ODD_COMPLETION, "\ufffd")
    declining = is_kind(Kind.SFT) & declines()
    return {
        "says_enough": (_saturating(words, ENOUGH_WORDS), "more than a phrase"),
        "developed": (_saturating(words, FULL_WORDS), "worked out at length, up to 250 words"),
        "paragraphs": ((text.str.count_matches(r"\n\s*\n") / FULL_PARAGRAPHS).clip(0, 1), "set in paragraphs"),
        "long_sentences": ((words / sentences.clip(1) / LONG_SENTENCE_WORDS).clip(0, 1), "long sentences"),
        "variety": (_share(begin.list.n_unique(), begin.list.len()), "different words at the beginning"),
        "on_topic": (_share(pl.col("q_shared"), pl.col("q_asked").list.len()), "takes up the prompt's words"),
        "parroting": (_share(pl.col("q_shared"), pl.col("q_said").list.len()), "has few words beside the prompt's"),
        "untidy": (has(text, r"[ \t]\n|\s$").cast(pl.Float64), "trailing blanks"),
        "unfinished": (ENDLESS.cast(pl.Float64), "lacks the end of its last sentence"),
        "damaged": (damaged.cast(pl.Float64), "mojibake, lost letters or a template's markers"),
        "declining": (declining.cast(pl.Float64), "declines the request"),
    }


# name: weight in log-odds, mean over the unrevised answers. Fitted by benchmarks/fit_quality.py on the
# pairs of CoachLM's expert revisions (1,136) and PandaLM's majority votes (489).
_FITTED: dict[str, tuple[float, float]] = {
    "says_enough": (2.29, 0.758),
    "developed": (3.36, 0.591),
    "paragraphs": (4.92, 0.034),
    "long_sentences": (-1.55, 0.291),
    "variety": (1.42, 0.845),
    "on_topic": (2.00, 0.348),
    "parroting": (-2.49, 0.248),
    "untidy": (-1.37, 0.156),
}
# Set by hand, because the fitting data has too few of them: a refusal or damage undoes what makes a good answer.
_SET: dict[str, float] = {"unfinished": -0.5, "damaged": -2.0, "declining": -1.5}


def parts() -> tuple[Part, ...]:
    """The features in a fixed order."""
    return tuple(
        Part(name, *_FITTED.get(name, (_SET.get(name, 0.0), 0.0)), name in _FITTED, value, description)
        for name, (value, description) in _values().items()
    )


def features(records: pl.DataFrame) -> pl.DataFrame:
    """Each part's value in [0, 1], a column per part; all null where there is no answer to judge."""
    working = with_derived(records, behind_quality())
    for step in _WORKING:
        working = working.with_columns(**step)
    answered = has(completion(), VISIBLE)
    return working.select(pl.when(answered).then(value).alias(name) for name, (value, _) in _values().items())


def behind_quality() -> list[pl.Expr]:
    """Every expression that the score is made of, its weights among them: what its version follows from."""
    steps = [expression.alias(name) for step in _WORKING for name, expression in step.items()]
    weighed = [((part.value - part.typical) * part.weight).alias(part.name) for part in parts()]
    return [*steps, *weighed, has(completion(), VISIBLE)]


def quality_parts(records: pl.DataFrame) -> pl.DataFrame:
    """What each part adds to the score's log-odds, against a typical Alpaca answer; positive is better.

    A column per part; null where there is no answer to judge. The sum of a row, through the logistic
    function, is its quality. Order of rows is kept.
    """
    values = features(records)
    return values.select((pl.col(part.name) - part.typical) * part.weight for part in parts())


def quality(records: pl.DataFrame) -> pl.Series:
    """The score of each record's completion, in [0, 1]; 0.5 is a typical Alpaca answer. Null without an answer.

    For a preference record it is the chosen answer's, where a refusal costs nothing. Order is kept.
    """
    contributions = quality_parts(records)
    # One after the other: polars' sum_horizontal adds in whatever order its threads finish, and the last bit shows it.
    log_odds = reduce(add, (pl.col(part.name) for part in parts()))
    return contributions.select((1 / (1 + (-log_odds).exp())).alias("quality")).to_series()
