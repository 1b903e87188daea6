"""Texts to unit vectors: each text is embedded once, by the backend that the job is worth, and then known."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._runner import Sharing
from pipelines._tally import count, spend
from pipelines.cache.keys import made_by, places, text_keys
from pipelines.cache.vectors import VectorStore
from pipelines.embedding.backend import Backend, Embedded, Progress, UnavailableError
from pipelines.embedding.model_folder import BUILTIN, ModelFolder
from pipelines.embedding.tiers import MARGINS, Choice, Tier, below, choose, sentence, unconvertible

__all__ = ["BUILTIN", "EMBEDDING", "Embedded", "Encoder", "Progress", "Tier"]

EMBEDDING = "embedding"
"""The step whose seconds are tallied: models loaded, converted and at work, vectors read and kept."""

# Texts per file of the cache: an interrupted run loses at most one of them. Static vectors take a second or two.
CHUNK, STATIC_CHUNK = 4_096, 65_536
# Rows scaled at a time.
_BLOCK = 4_096


class Encoder:
    """A model, loaded only when some text is not in the cache.

    `tier` says how vectors are made; null lets the machine and the amount of text decide. With `sharing`, others
    embed what is more than one chunk of texts; a chunk is the same texts either way.
    """

    def __init__(
        self, model: str = BUILTIN, *, cache: str | Path, tier: Tier | None = None, sharing: Sharing | None = None
    ) -> None:
        self.name = model
        self._sharing = sharing
        self._folder = ModelFolder(model)
        self._cache = str(cache)
        self._tier = tier
        self._backends: dict[Tier, Backend] = {}
        self._fallen: dict[Tier, str] = {}
        self._used: dict[Tier, str] = {}

    @property
    def backend(self) -> str:
        """For the report: what embedded the texts so far, and why nothing faster did."""
        return "; ".join(self._used.values()) or "sentence-transformers"

    @property
    def tier(self) -> Tier:
        """What the first texts were embedded in: a later stage that names it decides as this one did."""
        return next(iter(self._used), Tier.REFERENCE)

    @property
    def margin(self) -> float:
        """How far a cosine of the vectors made so far may be from the reference's."""
        return max((MARGINS[tier] for tier in self._used), default=0.0)

    def encode(self, texts: Sequence[str] | pl.Series, *, progress: Progress | None = None) -> Embedded:
        """Embed `texts` in the tier their amount is worth; order is kept.

        A text longer than the model's window is embedded by its beginning, and marked truncated.
        Raises ModelError when the model cannot be loaded.
        """
        column = _column(texts)
        choice = self._choose(column)
        return self._timed(choice.tier, column, choice.why, progress)

    def refine(self, texts: Sequence[str] | pl.Series, *, progress: Progress | None = None) -> Embedded:
        """Embed `texts` in full precision: what decides where `encode` is not sure. Raises as `encode` does."""
        tier = Tier.REFERENCE if self._tier == Tier.REFERENCE or unconvertible(self._folder) else Tier.FP32
        return self._timed(tier, _column(texts), "", progress)

    def known(self, texts: pl.Series) -> "Known | None":
        """What the cache has of `texts` (each once), in the tier that has most of them; loads no model.

        Null where it has none. Raises ModelError where the model's files, which name its vectors, are not here.
        """
        keys = text_keys(texts)
        best: Known | None = None
        for tier in (self._tier,) if self._tier else tuple(Tier):
            try:
                stored = VectorStore(self._cache, self._key(tier)).load(keys)
            except UnavailableError:
                continue
            at = places(stored.keys, keys)
            mine = np.flatnonzero(at >= 0)
            if len(mine) > (0 if best is None else len(best.at)):
                made = _Filled(len(mine))
                made.put(np.arange(len(mine)), stored.vectors, stored.truncated, at[mine])
                best = Known(mine, made.vectors)
        return best

    def _choose(self, texts: pl.Series) -> Choice:
        if self._tier is not None:
            return Choice(self._tier, "")
        return choose(self._folder, int(texts.str.len_bytes().sum() or 0))

    def _timed(self, tier: Tier, texts: pl.Series, why: str, progress: Progress | None) -> Embedded:
        began = time.monotonic()
        try:
            return self._in_tier(tier, texts, why, progress)
        finally:
            spend(EMBEDDING, time.monotonic() - began)

    def _in_tier(self, tier: Tier, texts: pl.Series, why: str, progress: Progress | None) -> Embedded:
        if tier in self._fallen:
            return self._in_tier(below(tier), texts, self._fallen[tier], progress)
        if texts.is_empty():
            return Embedded(np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.bool_))
        try:
            return self._all(tier, texts, why, progress)
        except UnavailableError as error:
            self._fallen[tier] = str(error)
            return self._in_tier(below(tier), texts, str(error), progress)

    def _all(self, tier: Tier, texts: pl.Series, why: str, progress: Progress | None) -> Embedded:
        keys = text_keys(texts)
        each = pl.DataFrame({"key": keys, "text": texts}).unique("key", keep="first", maintain_order=True)
        store = VectorStore(self._cache, self._key(tier))
        stored = store.load(each["key"])
        at = places(stored.keys, each["key"])
        missing, known = np.flatnonzero(at < 0), np.flatnonzero(at >= 0)
        count("embedded", each.height, len(missing))
        made = _Filled(each.height)
        made.put(known, stored.vectors, stored.truncated, at[known])
        # A third of what is held, where all of them are known.
        del stored
        if len(missing):
            self._embed(tier, each, missing, store, made, progress)
        self._used[tier] = sentence(tier, why)
        if each.height == len(keys):
            # No text comes twice, and each is in its place.
            return Embedded(made.vectors, made.truncated, MARGINS[tier])
        rows = places(each["key"], keys)
        return Embedded(made.vectors[rows], made.truncated[rows], MARGINS[tier])

    def _embed(
        self,
        tier: Tier,
        each: pl.DataFrame,
        missing: NDArray[np.int64],
        store: VectorStore,
        into: "_Filled",
        progress: Progress | None,
    ) -> None:
        """Embed and store what of `each` (key, text) is `missing`, longest first: texts of like length make batches
        without waste."""
        if progress:
            progress(0, len(missing))  # the model takes seconds to load, and longer where it is converted
        backend = self._backend(tier)
        texts = each[missing]
        order = texts.select(pl.arg_sort_by(pl.col("text").str.len_chars(), "key", descending=[True, False]))
        rows = order.to_series().to_numpy()
        size = STATIC_CHUNK if tier == Tier.STATIC else CHUNK
        chunks = [rows[start : start + size] for start in range(0, len(rows), size)]
        done = 0
        for chunk, made in zip(chunks, self._made(tier, backend, texts["text"], chunks), strict=True):
            half = made.vectors.astype(np.float16)
            store.save(texts["key"].gather(chunk), made.truncated, half)
            into.put(missing[chunk], half, made.truncated)
            done += len(chunk)
            if progress:
                progress(done, len(rows))

    def _made(
        self, tier: Tier, backend: Backend, texts: pl.Series, chunks: Sequence[NDArray[np.int64]]
    ) -> Iterator[Embedded]:
        """The vectors of each chunk (positions in `texts`), in order."""
        if self._sharing is None or len(chunks) == 1:
            return (backend.embed(texts.gather(chunk).to_list()) for chunk in chunks)
        from pipelines.embedding.shared import embedded_by

        return embedded_by(self._sharing, (texts.gather(chunk) for chunk in chunks), self._folder, tier, self._cache)

    def _backend(self, tier: Tier) -> Backend:
        if tier not in self._backends:
            self._backends[tier] = backend_of(self._folder, tier, self._cache)
        return self._backends[tier]

    def _key(self, tier: Tier) -> str:
        if tier == Tier.REFERENCE:
            return made_by(self._folder.digest, tier)
        if tier == Tier.STATIC:
            from pipelines.embedding import static_model

            return static_model.made_from(self._folder)
        from pipelines.embedding.openvino_convert import made_from

        return made_from(self._folder, tier)


class Known(NamedTuple):
    """Unit `vectors` of some texts: row i is that of the text at `at[i]`, ascending."""

    at: NDArray[np.int64]
    vectors: NDArray[np.float32]


class _Filled:
    """Unit vectors of so many texts, and which are `truncated`, as they come to be known."""

    def __init__(self, count: int) -> None:
        self.vectors = np.empty((0, 0), dtype=np.float32)
        self.truncated = np.empty(count, dtype=np.bool_)

    def put(
        self,
        places: NDArray[np.int64],
        vectors: NDArray[np.float16],
        truncated: NDArray[np.bool_],
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        """At `places` those of `rows` (null: all), at length 1."""
        if not len(places):
            return
        if not self.vectors.size:
            self.vectors = np.empty((len(self.truncated), vectors.shape[1]), dtype=np.float32)
        self.truncated[places] = truncated if rows is None else truncated[rows]
        for start in range(0, len(places), _BLOCK):
            part = slice(start, start + _BLOCK)
            some = vectors[part if rows is None else rows[part]].astype(np.float32)
            norms = np.sqrt(np.einsum("ij,ij->i", some, some))
            self.vectors[places[part]] = some / np.maximum(norms, 1e-12)[:, None]


def backend_of(folder: ModelFolder, tier: Tier, cache: str) -> Backend:
    """Raises UnavailableError when the tier cannot be had, ModelError when the model cannot be loaded at all."""
    if tier == Tier.REFERENCE:
        from pipelines.embedding.reference import Reference

        return Reference(folder)
    if tier == Tier.STATIC:
        from pipelines.embedding.static_model import static_model

        return static_model(folder, cache)
    from pipelines.embedding.openvino_convert import converted

    return converted(folder, tier, cache)


def _column(texts: Sequence[str] | pl.Series) -> pl.Series:
    return texts.rename("text") if isinstance(texts, pl.Series) else pl.Series("text", list(texts), dtype=pl.String)
