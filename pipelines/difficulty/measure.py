"""Instruction-following difficulty of records: how much a prompt helps a small language model to its answer.

Two losses of an answer are measured, each the mean over the answer's tokens in nats: given the prompt, and alone. From
them come two published scores, which are no measure of one another and stand in columns of their own:

    ifd_loss_ratio         loss(answer | prompt) / loss(answer): the definition of Li et al. 2023, "From Quantity to
                           Quality" (arXiv:2308.12032), and what its code selects by
    ifd_perplexity_ratio   exp(loss(answer | prompt) - loss(answer)), the ratio of the perplexities: how Li et al. 2024,
                           "Superfiltering" (arXiv:2402.00530), and its code work the score out

Near 0 the prompt all but tells the answer, at 1 it does not help, above 1 it misleads: the first paper leaves those
out. `pipelines.difficulty.turns` says what is asked. The tokens of a record's several answers are pooled: each loss is
the mean over all of them.
"""

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines import _gguf
from pipelines._record_keys import record_keys
from pipelines.cache.keys import made_by, source_digest
from pipelines.cache.remembered import remembered
from pipelines.cache.store import Store
from pipelines.difficulty import causal_folder, losses, turns
from pipelines.difficulty.causal_folder import CausalFolder
from pipelines.difficulty.losses import Losses, precision
from pipelines.difficulty.turns import Asked, Note, Sequence, Turns

Progress = Callable[[int, int], None]

KIND = "difficulty"
"""Where the cache keeps losses: 20 bytes a record."""

LOSSES = pl.Schema({"loss_given_prompt": pl.Float64(), "loss_alone": pl.Float64(), "difficulty_note": pl.String()})
"""What is measured and kept. The losses are null where the note says why."""
DIFFICULTY = pl.Schema({**LOSSES, "ifd_loss_ratio": pl.Float64(), "ifd_perplexity_ratio": pl.Float64()})
"""What is added to records."""

# Records worked out between two writes of the cache: some ten seconds on two cores, and enough to sort by length.
_AT_ONCE = 128
# bfloat16 is no finer than that.
_DECIMALS = 4


class Measured(NamedTuple):
    """`records` with DIFFICULTY added, and what the report says of the measurement itself."""

    records: pl.DataFrame
    figures: dict[str, Any]


def unmeasured(records: pl.DataFrame) -> pl.DataFrame:
    """`records` with DIFFICULTY added, all null."""
    return records.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in DIFFICULTY.items())


def with_difficulty(
    records: pl.DataFrame,
    folder: CausalFolder,
    *,
    max_tokens: int,
    sample: int | None,
    seed: int,
    cache: str,
    progress: Progress | None = None,
) -> Measured:
    """Add DIFFICULTY to `records` (of the schema RECORD_SCHEMA), of `sample` of them drawn by `seed`, or of all.

    A record is cut to `max_tokens` or to what the model can read. What the cache knows is not worked out again, and
    where it knows everything no model is loaded. Raises ModelError when the model cannot be loaded.
    """
    began = time.monotonic()
    drawn = _drawn(records.height, sample, seed)
    asked = records[drawn]
    store = Store(cache, KIND, measured_by(folder, max_tokens), LOSSES)
    ask = _Asking(folder, max_tokens, cache)
    known = remembered(
        store,
        record_keys(asked),
        lambda places: ask(asked[places]),
        step="asked",
        at_once=_AT_ONCE,
        progress=progress,
        final=pl.col("difficulty_note").ne_missing(Note.NOT_FINITE.value),
    )
    figures = {
        "model": folder.title,
        "model_digest": folder.digest,
        "precision": precision(),
        "max_tokens": max_tokens,
        "asked": ask.records,
        "seconds": round(time.monotonic() - began, 3),
        "rows_per_second": round(ask.records / ask.seconds, 2) if ask.seconds else None,
    }
    return Measured(_added(records, known, drawn), figures)


def measured_by(folder: CausalFolder, max_tokens: int) -> str:
    """The version: the model's files, the numbers it works in, the window, and the code that asks it."""
    from importlib.metadata import version

    ours = source_digest(_gguf.__file__, causal_folder.__file__, losses.__file__, turns.__file__, __file__)
    return made_by(folder.digest, precision(), str(max_tokens), ours, version("torch"), version("transformers"))


class _Asking:
    """Records to LOSSES by a model that is loaded when the first record comes."""

    def __init__(self, folder: CausalFolder, max_tokens: int, cache: str) -> None:
        self._folder, self._max_tokens, self._cache = folder, max_tokens, cache
        self.records = 0
        """How many were asked, not counting what was known."""
        self.seconds = 0.0
        """What that took, without loading the model."""

    def __call__(self, records: pl.DataFrame) -> pl.DataFrame:
        turns_of, losses_of = self._turns, self._losses
        began = time.monotonic()
        asked = [turns_of(row) for row in records.select("kind", "messages", "chosen", "tools").iter_rows(named=True)]
        found = _means(asked, losses_of)
        self.seconds += time.monotonic() - began
        self.records += records.height
        return found

    @cached_property
    def _loaded(self) -> Any:
        import torch

        return self._folder.load(self._cache, dtype=getattr(torch, precision()))

    @cached_property
    def _losses(self) -> Losses:
        return Losses(self._loaded)

    @cached_property
    def _turns(self) -> Turns:
        readable = getattr(self._loaded.model.config.get_text_config(), "max_position_embeddings", None)
        return Turns(self._loaded.tokenizer, min(self._max_tokens, readable or self._max_tokens))


def _means(asked: list[Asked], losses_of: Losses) -> pl.DataFrame:
    """LOSSES of each, its sequences asked together with those of the others."""
    # All at once, so that no core waits for the others in between.
    means = _pooled([*(one.given for one in asked), *(one.alone for one in asked)], losses_of)
    given, alone = means[: len(asked)], means[len(asked) :]
    made = pl.DataFrame(
        {"loss_given_prompt": given, "loss_alone": alone, "difficulty_note": [one.note for one in asked]},
        schema=LOSSES,
    )
    number = pl.all_horizontal(pl.col(name).is_finite() for name in ("loss_given_prompt", "loss_alone"))
    scored = pl.Series([bool(one.given) for one in asked], dtype=pl.Boolean)
    return made.with_columns(
        *(pl.when(scored & number).then(pl.col(name).round(_DECIMALS)).alias(name) for name in LOSSES.names()[:2]),
        pl.when(scored & ~number)
        .then(pl.lit(Note.NOT_FINITE.value))
        .otherwise(pl.col("difficulty_note"))
        .alias("difficulty_note"),
    )


def _pooled(groups: list[list[Sequence]], losses_of: Losses) -> NDArray[np.float64]:
    """For each group the mean loss of all its scored tokens; NaN where there is none."""
    owners = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    flat = [one for group in groups for one in group]
    sums = np.bincount(owners, losses_of(flat), len(groups)) if flat else np.zeros(len(groups))
    tokens = np.array([sum(stop - start for one in group for start, stop in one.spans) for group in groups])
    means: NDArray[np.float64] = np.divide(sums, tokens, out=np.full(len(groups), np.nan), where=tokens > 0)
    return means


def _drawn(rows: int, sample: int | None, seed: int) -> NDArray[np.int64]:
    """Places of the rows to measure, ascending."""
    if sample is None or sample >= rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, sample, replace=False))


def _added(records: pl.DataFrame, known: pl.DataFrame, drawn: NDArray[np.int64]) -> pl.DataFrame:
    given, alone = pl.col("loss_given_prompt"), pl.col("loss_alone")
    scored = known.with_columns(
        ifd_loss_ratio=pl.when(alone > 0).then((given / alone).round(_DECIMALS)),
        ifd_perplexity_ratio=(given - alone).exp().round(_DECIMALS),
    ).with_columns(row=pl.Series(drawn, dtype=pl.Int64))
    every = pl.DataFrame({"row": pl.arange(records.height, dtype=pl.Int64, eager=True)})
    added = every.join(scored, on="row", how="left", maintain_order="left")
    missed = pl.Series(np.isin(np.arange(records.height), drawn, invert=True))
    note = pl.when(missed).then(pl.lit(Note.NOT_SAMPLED.value)).otherwise(pl.col("difficulty_note"))
    return records.with_columns(added.with_columns(difficulty_note=note).select(DIFFICULTY.names()))
