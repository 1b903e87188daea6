"""How hostile a text reads: insults, threats, contempt for a person or a group, by where its vector lies.

A logistic regression over the embeddings of 135 sentences of our own (toxicity.tsv): hostile ones, and civil ones that
speak as often of politics, illness, losing and death, or ask for something as prompts do. It was not fitted on labelled
data, so that its figures in docs/quality.md are those of a stranger. It knows tone, not truth: a quotation and a
quarrel in a story score as well.
"""

import functools
from collections.abc import Callable, Sequence
from hashlib import blake2b
from importlib.metadata import version
from importlib.resources import files

import numpy as np
import polars as pl
from numpy.typing import NDArray

from checks.diversity import blocks
from pipelines._tally import count
from pipelines.cache.keys import made_by
from pipelines.cache.remembered import remembered
from pipelines.cache.store import Store
from pipelines.embedding.encoder import Encoder

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]

# Vectors of the faster tiers are off in the third decimal, and the score is no finer than that.
_DECIMALS = 2

KIND = "toxicity"
"""Where the cache keeps the regression."""
_SCHEMA = pl.Schema({"weights": pl.List(pl.Float64)})


def with_toxicity(
    records: pl.DataFrame, vectors: NDArray[np.float32], encoder: Encoder, *, answers: bool, cache: str | None = None
) -> pl.DataFrame:
    """Add `toxicity` in [0, 1], 0.5 as hostile as civil: of the prompt, or with `answers` of the worse of the two.

    `vector` of a record is its row in `vectors`. An answer is embedded for it, which costs most of a run's time.
    With `cache` the regression is fitted once for each model.
    """
    if records.is_empty():
        return records.with_columns(toxicity=pl.lit(None, dtype=pl.Float64))
    # A product with vectors that are there: nothing worth keeping.
    count("toxicity", records.height, records.height)
    score = scorer(encoder, cache=cache)
    # Some rows at a time: scores are sums in float64, for which all of them would be copied.
    worst = np.concatenate([score(block) for block in blocks(vectors, records["vector"].to_numpy())])
    if answers:
        worst = np.maximum(worst, score(encoder.encode(records["completion"].fill_null("")).vectors))
    return records.with_columns(toxicity=pl.Series(worst).round(_DECIMALS))


def scorer(encoder: Encoder, *, cache: str | None = None) -> Score:
    """The score of vectors that `encoder` makes: (rows, d) to (rows,)."""
    labels, texts = _sentences()
    vectors = encoder.refine(texts).vectors
    if cache is None:
        weights = _fitted(vectors, labels)
    else:
        # What it is fitted on is its name, whatever made the vectors.
        key = pl.Series([blake2b(vectors.tobytes() + bytes(labels), digest_size=16).hexdigest()])
        store = Store(cache, KIND, made_by("logistic regression", version("scikit-learn")), _SCHEMA)
        found = remembered(store, key, lambda _: pl.DataFrame({"weights": [_fitted(vectors, labels)]}))
        weights = found["weights"][0].to_numpy()
    return lambda rows: 1 / (1 + np.exp(-(rows @ weights[:-1] + weights[-1])))


def _fitted(vectors: NDArray[np.float32], labels: Sequence[bool]) -> NDArray[np.float64]:
    """A weight for each coordinate, and the constant."""
    # Half a second that a run with a fitted one does without.
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(vectors.astype(np.float64), labels)
    return np.append(model.coef_[0], model.intercept_[0])


@functools.cache
def _sentences() -> tuple[list[bool], list[str]]:
    lines = (files(__package__) / "toxicity.tsv").read_text(encoding="utf-8").splitlines()
    parted = [line.split("\t", 1) for line in lines]
    return [label == "toxic" for label, _ in parted], [text for _, text in parted]
