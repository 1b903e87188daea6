"""The released records: which they are, and all of them in their order, a part at a time, never held as a whole."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import polars as pl

from pipelines._canonical import LINE, ORDER, message_keys
from schemas.outcome import SPLITS

# Below it a release is one part; as many rows of Alpaca, whole and as a trainer's lines, take 0.6 GB on their way.
PART = 131_072

# A prompt and a completion, all findings and figures stay on disk: they are half of what a record takes.
_READ = ("row_id", *dict.fromkeys((*LINE, *ORDER, "split", "context", "n_tokens")))


def is_released() -> pl.Expr:
    """Whether a row of the ledger, or of the records, is in a split."""
    return pl.col("outcome").is_in([fate.value for fate in SPLITS])


def scan_released(release: Path) -> pl.LazyFrame:
    """The released records of a release, with all their columns."""
    return pl.scan_parquet(release / "records.parquet").filter(is_released())


class Released:
    """Released records, in memory or on disk, each with its `split`: those of their columns that lines are made of."""

    def __init__(self, records: pl.DataFrame | pl.LazyFrame, *, part: int = PART) -> None:
        there = set(records.collect_schema().names())
        self._records, self._part = records.lazy().select(name for name in _READ if name in there), part

    def in_order(self) -> Iterator[pl.DataFrame]:
        """By record_id, then by where they came from."""
        return self._parts(self._keys)

    def calls_first(self) -> Iterator[pl.DataFrame]:
        """As `in_order`, but records that call tools come first: loaders take column types from the first rows."""
        return self._parts(self._keys.sort(~pl.col("calls"), maintain_order=True))

    @cached_property
    def message_keys(self) -> list[str]:
        """_canonical.message_keys of all of them."""
        return message_keys(self._records)

    @cached_property
    def _keys(self) -> pl.DataFrame:
        """In their order, by their numbers alone."""
        calls = pl.col("messages").list.eval(pl.element().struct.field("tool_calls").list.len() > 0).list.any()
        named = self._records.select("row_id", *ORDER, calls=calls.fill_null(False)).collect(engine="streaming")
        return named.sort(ORDER).select("row_id", "calls")

    @cached_property
    def _only_part(self) -> pl.DataFrame:
        return self._records.collect()

    def _parts(self, keys: pl.DataFrame) -> Iterator[pl.DataFrame]:
        wanted = keys.select("row_id")
        if wanted.height <= self._part:
            yield wanted.join(self._only_part, on="row_id", how="left", maintain_order="left")
            return
        for some in wanted.iter_slices(self._part):
            found = self._records.join(some.lazy(), on="row_id", how="semi").collect(engine="streaming")
            yield some.join(found, on="row_id", how="left", maintain_order="left")
