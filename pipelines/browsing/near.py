"""What lies near a record: by the vectors that a run stored, and where there are none by the words of the prompt."""

from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._shown import one_line
from pipelines.browsing.held import Held
from pipelines.cache.home import default_cache
from pipelines.embedding.encoder import Encoder
from schemas.errors import AssayError

MOST = 12
"""Neighbours that are told of a record."""

_EXCERPT = 220

VECTORS = "closest prompts by the vectors that the run stored"
WORDS = "prompts that share most words (Jaccard), since no vector of this one is stored on this machine"


class _Vectors(NamedTuple):
    """`matrix` row i embeds the prompts of the records whose place is `places[i]`."""

    places: NDArray[np.int64]
    matrix: NDArray[np.float32]


class _Words(NamedTuple):
    """Each record's distinct words, one a line, and how many they are."""

    words: pl.DataFrame  # place, word
    sizes: pl.DataFrame  # place, size


class Near:
    """Neighbours in one release. What it takes is read once, when first asked or `ready`."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._lock = Lock()
        self._vectors: _Vectors | None = None
        self._words: _Words | None = None
        self._tried = False

    def ready(self) -> None:
        """Read what the first question would have to wait for."""
        with self._lock:
            if not self._tried:
                self._vectors, self._tried = self._stored(), True
        if self._vectors is None:
            self._told_by_words()

    def of(self, row: dict[str, Any]) -> dict[str, Any]:
        """`row` is one of held.rows. `how` in words, and `rows`, the closest first, without the row itself."""
        if row["place"] is None:
            return {"how": "the row could not be read, so nothing can be compared with it", "rows": []}
        self.ready()
        at = self._at(row["place"])
        found = self._by_words(row["place"]) if at is None else self._by_vector(at)
        near = found.filter(pl.col("place") != row["place"]).head(MOST)
        return {"how": WORDS if at is None else VECTORS, "rows": self._shown(near)}

    def pairs(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows whose twin this record is, as the ledger has them."""
        twins = self._held.rows.filter(pl.col("twin") == row["record_id"], pl.col("row") != row["row"]).head(MOST)
        return self._shown(twins.select("place", score="similarity"))

    def _at(self, place: int) -> int | None:
        if self._vectors is None:
            return None
        at = int(np.searchsorted(self._vectors.places, place))
        return at if at < len(self._vectors.places) and self._vectors.places[at] == place else None

    def _by_vector(self, at: int) -> pl.DataFrame:
        assert self._vectors is not None
        places, matrix = self._vectors
        scores = matrix @ matrix[at]
        most = min(MOST + 1, len(scores))
        best = np.argpartition(-scores, most - 1)[:most]
        found = pl.DataFrame({"place": places[best], "score": scores[best].astype(np.float64)})
        return found.sort("score", "place", descending=[True, False])

    def _by_words(self, place: int) -> pl.DataFrame:
        words, sizes = self._told_by_words()
        mine = words.filter(pl.col("place") == place)["word"]
        shared = words.filter(pl.col("word").is_in(mine.implode())).group_by("place").agg(shared=pl.len())
        both = shared.join(sizes, on="place")
        score = pl.col("shared") / (pl.col("size") + len(mine) - pl.col("shared"))
        found = both.select(pl.col("place").cast(pl.Int64), score=score)
        return found.sort("score", "place", descending=[True, False]).head(MOST + 1)

    def _told_by_words(self) -> _Words:
        with self._lock:
            if self._words is None:
                each = pl.col("prompt").str.to_lowercase().str.extract_all(r"\w+").list.unique()
                words = self._held.records.select("place", word=each).explode("word").drop_nulls()
                hashed = words.with_columns(pl.col("word").hash()).collect()
                self._words = _Words(hashed, hashed.group_by("place").agg(size=pl.len()))
            return self._words

    def _stored(self) -> _Vectors | None:
        records = self._held.records.select("place", "prompt").collect().drop_nulls()
        prompts = records.select(pl.col("prompt").unique(maintain_order=True))["prompt"]
        try:
            known = Encoder(self._held.report.run.settings["dedup"]["model"], cache=default_cache()).known(prompts)
        except (AssayError, KeyError, OSError):
            return None  # a model that is not here any more
        if known is None:
            return None
        each = pl.DataFrame({"prompt": prompts.gather(known.at), "at": np.arange(len(known.at))})
        placed = records.join(each, on="prompt", how="inner").sort("place")
        return _Vectors(placed["place"].cast(pl.Int64).to_numpy(), known.vectors[placed["at"].to_numpy()])

    def _shown(self, near: pl.DataFrame) -> list[dict[str, Any]]:
        texts = self._held.records.filter(pl.col("place").is_in(near["place"].implode())).select(
            pl.col("place").cast(pl.Int64), *(pl.col(name).str.head(2 * _EXCERPT) for name in ("prompt", "completion"))
        )
        rows = self._held.rows.select(pl.col("place").cast(pl.Int64), "row", "outcome", "source", "source_row")
        both = near.join(rows, on="place", how="inner", maintain_order="left")
        both = both.join(texts.collect(), on="place", how="left", maintain_order="left")
        return [
            {
                "row": row["row"],
                "outcome": row["outcome"],
                "place": f"{one_line(row['source'], 200)}:{row['source_row']}",
                "score": row["score"],
                "prompt": one_line(row["prompt"] or "", _EXCERPT),
                "completion": one_line(row["completion"] or "", _EXCERPT),
            }
            for row in both.iter_rows(named=True)
        ]
