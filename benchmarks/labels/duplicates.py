"""Whether two texts say the same: pairs that people judged, and near-duplicates whose index is computed exactly"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.labels.figures import Line, average_precision, least
from benchmarks.labels.reading import lines
from pipelines._near import near_pairs, similarities
from pipelines._texts import Texts
from pipelines.cache.home import default_cache
from pipelines.dedup import NGRAM
from pipelines.embedding.encoder import BUILTIN, Encoder
from pipelines.ingest import read_records
from schemas.settings import Settings

# Average precision that is required; PAWS swaps words on purpose, and is reported only.
_SETS = {"qqp": 0.84, "mrpc": 0.86, "pawsx-en": None}
_BASELINES = {"qqp": "words .65, MiniLM .84", "mrpc": "words .85, MiniLM .83", "pawsx-en": "words .43, MiniLM .59"}


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    return [line for name in _SETS for line in _pairs(data, name)] + _near(data)


def _pairs(data: Path, name: str) -> list[Line]:
    rows = lines(data / "dev_labels" / f"dup_pairs_{name}_dev.jsonl.gz")
    labels = np.array([row["label"] for row in rows])
    scores = _scores([row["a"] for row in rows], [row["b"] for row in rows])
    needed, on = _SETS[name], f"{name}, {len(rows):,} pairs"
    made = [
        Line(
            "semantic duplicates",
            on,
            "average precision",
            average_precision(scores, labels),
            _BASELINES[name],
            least(needed) if needed else None,
            "" if needed else "reported, not promised",
        )
    ]
    if name == "qqp":
        bar = Settings().dedup.min_similarity
        gone = scores >= bar
        made.append(
            Line(
                "removed with no person asked",
                on,
                "precision",
                float(labels[gone].mean()),
                "",
                least(0.85),
                f"{int(gone.sum()):,} pairs at {bar} and above",
            )
        )
    return made


def _scores(a: list[str], b: list[str]) -> NDArray[np.float64]:
    texts = pl.Series([*a, *b])
    vectors = Encoder(BUILTIN, cache=default_cache()).encode(texts).vectors.astype(np.float64)
    cosines: NDArray[np.float64] = np.einsum("ij,ij->i", vectors[: len(a)], vectors[len(a) :])
    return cosines


def _near(data: Path) -> list[Line]:
    read = read_records(str(data / "raw" / "sharegpt_vicuna_identity.json"))
    texts = read.select(pl.concat_str("prompt", "completion", separator="\n", ignore_nulls=True)).to_series()
    bar = Settings().dedup.min_jaccard
    a, b = np.triu_indices(len(texts), 1)
    true = np.asarray(similarities(Texts.held(texts), a.astype(np.int64), b.astype(np.int64), ngram=NGRAM)) >= bar
    close = set(zip(a[true].tolist(), b[true].tolist(), strict=True))
    made = near_pairs(Texts.held(texts), ngram=NGRAM, min_jaccard=bar, seed=Settings().seed, cache=None)
    pairs = {(min(x, y), max(x, y)) for x, y in made.select("a", "b").iter_rows()}
    on = f"vicuna identity, {len(texts)} records, {len(close)} pairs at {bar}"
    return [
        Line("near-duplicates", on, "recall of pairs", len(pairs & close) / len(close), "", least(0.95)),
        Line("near-duplicates", on, "precision", len(pairs & close) / len(pairs), "", least(1.0), "none below the bar"),
    ]
