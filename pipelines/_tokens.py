"""Token counts, offline: one public tokenizer for all sources, so that counts compare."""

import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import polars as pl

TOKENIZER = "o200k_base"
"""The byte-pair encoding that `n_tokens` is counted in. A trainer's own tokenizer differs by some per cent."""

# Time in the length of a text is linear only up to a point, and 40,000 characters are well below it. A cut adds one
# token at most.
_PIECE_CHARACTERS = 40_000


def count_tokens(texts: pl.Series) -> pl.Series:
    """Tokens of each text, special tokens read as plain text. Null stays null. Order is kept."""
    distinct = texts.alias("text").drop_nulls().unique(maintain_order=True)
    count = counter(TOKENIZER)
    counts = pl.Series([count(text) for text in distinct.to_list()], dtype=pl.Int64)
    if len(distinct) == len(texts):
        return counts.alias(texts.name)
    known = pl.DataFrame({"text": distinct, "tokens": counts})
    found = texts.alias("text").to_frame().join(known, on="text", how="left", maintain_order="left")
    return found["tokens"].alias(texts.name)


def counter(encoding: str) -> Callable[[str], int]:
    """What counts the tokens of a text in one of OpenAI's encodings, special tokens read as plain text."""
    return partial(_count, count=_native(encoding))


def _count(text: str, count: Any) -> int:
    if len(text) <= _PIECE_CHARACTERS:
        return int(count(text))
    starts = range(0, len(text), _PIECE_CHARACTERS)
    return sum(count(text[at : at + _PIECE_CHARACTERS]) for at in starts)


@cache
def _native(encoding: str) -> Any:
    """Counts tokens and makes none.

    The library's own encoding object reads every token into a Python dictionary first, which takes as long as
    counting 30,000 records.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from bpe_openai import _bindings

        return _bindings.tokenizer_for_encoding(encoding).count
