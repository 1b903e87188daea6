"""Token counts, offline: one public tokenizer for all sources, so that counts compare."""

import warnings
from functools import cache
from typing import Any

import polars as pl

TOKENIZER = "o200k_base"
"""The byte-pair encoding that `n_tokens` is counted in. A trainer's own tokenizer differs by some per cent."""

# The library refuses texts of a million characters and of 200,000 tokens; four tokens a character is
# the worst case, so pieces of this size always pass. A cut adds one token at most.
_PIECE_CHARACTERS = 40_000


def count_tokens(texts: pl.Series) -> pl.Series:
    """Tokens of each text, special tokens read as plain text. Null stays null. Order is kept."""
    encoding = _encoding()

    def count(text: str | None) -> int | None:
        if text is None:
            return None
        if len(text) <= _PIECE_CHARACTERS:
            return len(encoding.encode_ordinary(text))
        starts = range(0, len(text), _PIECE_CHARACTERS)
        return sum(len(encoding.encode_ordinary(text[at : at + _PIECE_CHARACTERS])) for at in starts)

    return pl.Series(texts.name, [count(text) for text in texts], dtype=pl.Int64)


@cache
def _encoding() -> Any:
    # The library reads its tables through an importlib.resources function that Python deprecates.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai

        return bpe_openai.get_encoding(TOKENIZER)
