"""Whether an answer has to do with its prompt: the cosine of the two, by the model that compares prompts.

An answer that belongs to another question, as where rows slipped by one, is fluent, complete and of good form: nothing
else finds it. Static vectors, which cost next to nothing, tell of most answers that they belong: only the others are
embedded by the model, about a fifth, and only their beginnings. Of Alpaca's and Dolly's answers to other questions of
theirs that are of 8 words and more, 0.85 and 0.88 lie below 0.15, of their own 0.007 and 0.003; docs/quality.md has the
table. Answers to open requests ("Create a sentence that suggests irony") are among these few: a low relevance is
a doubt, no verdict.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.embedding.encoder import Encoder

MIN_WORDS = 8
"""Shorter answers ("Positive", "1945") belong to many prompts, and the cosine says little: AUC .93 against .996."""
BEGINNING = 400
"""Characters of an answer that are compared. The whole tells no more: recall .881 against .880 on Dolly, where three
of 1,000 own answers are doubted either way, for a third of the time."""
BELONGS = 0.55
"""A static cosine from which an answer is not asked about any further: of those to other questions 0.02 reach it."""

# Vectors of the faster tiers are off in the third decimal.
_DECIMALS = 2


def with_relevance(
    records: pl.DataFrame, vectors: NDArray[np.float32], encoder: Encoder, static: Encoder
) -> pl.DataFrame:
    """Add `relevance` in [-1, 1]: the cosine of prompt and completion.

    Null where the static vectors say that the two belong together; where the completion is null or shorter than 8 words
    (or written without spaces, so that words cannot be counted); where it is unwanted (KTO); and after more than one
    question: what was asked last is little of such a prompt, and often beyond the model's window. `vector` of a record
    is its prompt's row in `vectors`.
    """
    one = pl.col("messages").list.eval(pl.element().struct.field("role") == "user").list.sum() <= 1
    long = pl.col("completion").str.count_matches(r"\S+") >= MIN_WORDS
    asked = one & long & pl.col("label").fill_null(True)
    told = (
        records.with_row_index("at")
        .filter(asked)
        .select("at", "vector", "prompt", answer=pl.col("completion").str.slice(0, BEGINNING))
    )
    if told.height:
        cosines = _cosines(static.encode(told["prompt"]).vectors, static.encode(told["answer"]).vectors)
        told = told.filter(pl.Series(cosines < BELONGS))
    found = np.full(records.height, np.nan)
    if told.height:
        answers = encoder.encode(told["answer"]).vectors
        found[told["at"].to_numpy()] = _cosines(vectors[told["vector"].to_numpy()], answers)
    return records.with_columns(relevance=pl.Series(found, dtype=pl.Float64).fill_nan(None).round(_DECIMALS))


def unmeasured(records: pl.DataFrame) -> pl.DataFrame:
    """`records` with a `relevance` that nobody asked for: null."""
    return records.with_columns(relevance=pl.lit(None, dtype=pl.Float64))


def _cosines(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the rows, each with its opposite; they are unit vectors."""
    made: NDArray[np.float32] = np.einsum("ij,ij->i", some, others)
    return made
