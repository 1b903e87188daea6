"""How hostile a text reads: insults, threats, contempt for a person or a group, by where its vector lies.

A logistic regression over the embeddings of 135 sentences of our own (toxicity.tsv): hostile ones, and civil ones that
speak as often of politics, illness, losing and death, or ask for something as prompts do. It was not fitted on labelled
data, so that its figures in docs/quality.md are those of a stranger. It knows tone, not truth: a quotation and a
quarrel in a story score as well.
"""

from collections.abc import Callable
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.embedding.encoder import Encoder

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]

# Vectors of the faster tiers are off in the third decimal, and the score is no finer than that.
_DECIMALS = 2


def with_toxicity(
    records: pl.DataFrame, vectors: NDArray[np.float32], encoder: Encoder, *, answers: bool
) -> pl.DataFrame:
    """Add `toxicity` in [0, 1], 0.5 as hostile as civil: of the prompt, or with `answers` of the worse of the two.

    `vector` of a record is its row in `vectors`. An answer is embedded for it, which costs most of a run's time.
    """
    if records.is_empty():
        return records.with_columns(toxicity=pl.lit(None, dtype=pl.Float64))
    score = scorer(encoder)
    worst = score(vectors)[records["vector"].to_numpy()]
    if answers:
        worst = np.maximum(worst, score(encoder.encode(records["completion"].fill_null("")).vectors))
    return records.with_columns(toxicity=pl.Series(worst).round(_DECIMALS))


def scorer(encoder: Encoder) -> Score:
    """The score of vectors that `encoder` makes: (rows, d) to (rows,)."""
    from sklearn.linear_model import LogisticRegression

    labels, texts = _sentences()
    model = LogisticRegression().fit(encoder.refine(texts).vectors, labels)
    return lambda vectors: np.asarray(model.predict_proba(vectors)[:, 1], dtype=np.float64)


@cache
def _sentences() -> tuple[list[bool], list[str]]:
    lines = (files(__package__) / "toxicity.tsv").read_text(encoding="utf-8").splitlines()
    parted = [line.split("\t", 1) for line in lines]
    return [label == "toxic" for label, _ in parted], [text for _, text in parted]
