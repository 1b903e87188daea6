"""Answers beside their own prompt and beside another's: what a low relevance tells"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.labels.figures import Line, least, most
from benchmarks.labels.reading import of_others, there
from pipelines._relevance import MIN_WORDS, with_relevance
from pipelines.cache.home import default_cache
from pipelines.embedding.encoder import Encoder
from pipelines.ingest import read_records
from schemas.settings import RouteSettings

SEED = 20261128
ROWS = 3_000
"""Of Alpaca; the threshold was chosen on other rows of it, and on these of Dolly."""
THRESHOLD = RouteSettings().min_relevance


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    encoder = Encoder(cache=default_cache())
    made = []
    for name, file in (("Dolly", "dolly_3k.jsonl"), ("Alpaca", "alpaca_data.json.gz")):
        own = _long(read_records(str(there(data / "raw" / file))))
        prompts = encoder.encode(own["prompt"]).vectors
        right, wrong = (_low(with_relevance(each, prompts, encoder)) for each in (own, _swapped(own)))
        on = f"{name}, {own.height} answers of {MIN_WORDS} words and more, and the same at other prompts"
        what, at = "relevance.low", f"at {THRESHOLD}"
        made += [
            Line(what, on, "recall", float(wrong.mean()), "", least(0.8), at),
            Line(what, on, "flagged of their own", float(right.mean()), "", most(0.01), f"{at}; lower is better"),
        ]
    return made


def _long(records: pl.DataFrame) -> pl.DataFrame:
    drawn = np.sort(np.random.default_rng(SEED).permutation(records.height)[:ROWS])
    told = records[drawn].filter(pl.col("completion").str.count_matches(r"\S+") >= MIN_WORDS)
    return told.with_columns(vector=pl.int_range(pl.len()))


def _swapped(own: pl.DataFrame) -> pl.DataFrame:
    """Each with the answer of another."""
    return own.with_columns(of_others(own["completion"], SEED))


def _low(measured: pl.DataFrame) -> NDArray[np.bool_]:
    return measured.select((pl.col("relevance") < THRESHOLD).fill_null(False)).to_series().to_numpy()
