"""Whether an answer has to do with its prompt: the cosine of the two, by the model that compares prompts.

An answer that belongs to another question, as where rows slipped by one, is fluent, complete and of good form: nothing
else finds it. Most answers say words of their prompt: only the others are embedded by the model, about a quarter, and
only their beginnings. Of Alpaca's and Dolly's answers to other questions of theirs that are of 8 words and more, 0.86
and 0.87 lie below 0.15, of their own 0.007 and 0.003; docs/quality.md has the table. Answers to open requests ("Create
a sentence that suggests irony") are among these few, so that a low relevance is a doubt, no verdict.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.embedding.encoder import Encoder, Progress

MIN_WORDS = 8
"""Shorter answers ("Positive", "1945") belong to many prompts, and the cosine says little: AUC .93 against .996."""
BEGINNING = 250
"""Characters of an answer that are looked at. More tell no more: of Dolly's and Alpaca's answers to other questions 400
find .865 and .863, and these .875 and .865; both doubt .003 and .007 of their own. Fewer cut an answer off before it
comes to its point: 200 find as many, and doubt a sound definition of ours whose subject is named at its end."""
SAID_AGAIN = 2
"""An answer that says so many of its prompt's words belongs to it: 0.73 of Dolly's and Alpaca's own answers do, and of
what the cosine finds among those to other questions, under 3 in 100 do."""

# Long words, by their first letters: "describe" is said again by "description".
_WORD, _LETTERS = r"\p{L}{5,}", 5
# Vectors of the faster tiers are off in the third decimal.
_DECIMALS = 2


def with_relevance(
    records: pl.DataFrame, vectors: NDArray[np.float32], encoder: Encoder, *, progress: Progress | None = None
) -> pl.DataFrame:
    """Add `relevance` in [-1, 1]: the cosine of prompt and completion.

    Null where the completion says words of the prompt again; where it is null or shorter than 8 words (or written
    without spaces, so that words cannot be counted); where it is unwanted (KTO); and after more than one question: what
    was asked last is little of such a prompt, and often beyond the model's window. `vector` of a record is its prompt's
    row in `vectors`.
    """
    one = pl.col("messages").list.eval(pl.element().struct.field("role") == "user").list.sum() <= 1
    long = pl.col("completion").str.count_matches(r"\S+") >= MIN_WORDS
    told = (
        records.with_row_index("at")
        .filter(one & long & pl.col("label").fill_null(True))
        .select("at", "vector", "prompt", answer=pl.col("completion").str.slice(0, BEGINNING))
        .filter(_words("prompt").list.set_intersection(_words("answer")).list.len() < SAID_AGAIN)
    )
    found = np.full(records.height, np.nan)
    if told.height:
        answers = encoder.encode(told["answer"], progress=progress).vectors
        # Both are rows of length one.
        found[told["at"].to_numpy()] = np.einsum("ij,ij->i", vectors[told["vector"].to_numpy()], answers)
    return records.with_columns(relevance=pl.Series(found, dtype=pl.Float64).fill_nan(None).round(_DECIMALS))


def unmeasured(records: pl.DataFrame) -> pl.DataFrame:
    """`records` with a `relevance` that nobody asked for: null."""
    return records.with_columns(relevance=pl.lit(None, dtype=pl.Float64))


def _words(column: str) -> pl.Expr:
    found = pl.col(column).str.to_lowercase().str.extract_all(_WORD)
    return found.list.eval(pl.element().str.slice(0, _LETTERS))
