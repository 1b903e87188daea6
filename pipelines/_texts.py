"""What many records say, left where it is: memory holds those that are asked for."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

# Texts that are held at a time: 60 MB of Alpaca's whole records.
PART = 2**17


def rows_of(whole: pl.LazyFrame, row_ids: pl.Series, columns: Sequence[str]) -> pl.DataFrame:
    """`row_id` and `columns` of the rows of `whole` that are among `row_ids`, in the order of `whole`.

    They are read as they stream past, so that memory holds no others.
    """
    return scan_rows_of(whole, row_ids, columns).collect(engine="streaming")


def scan_rows_of(whole: pl.LazyFrame, row_ids: pl.Series, columns: Sequence[str]) -> pl.LazyFrame:
    """What `rows_of` reads, for what is not held as it stands but worked on as it streams past."""
    wanted = row_ids.rename("row_id").to_frame().lazy()
    return whole.select("row_id", *columns).join(wanted, on="row_id", how="semi", maintain_order="left")


class Texts:
    """A text of each of some rows, or null, in their order."""

    def __init__(self, whole: pl.LazyFrame, row_ids: pl.Series) -> None:
        """Those of `row_ids`, which have the order of `whole`: `row_id` and `text`."""
        self._whole, self._ids = whole, row_ids
        every = whole.select("row_id").collect(engine="streaming")["row_id"]
        self._kept = every.is_in(row_ids.implode())
        self._at = self._kept.arg_true().to_numpy()

    @classmethod
    def held(cls, texts: pl.Series) -> "Texts":
        """Those of a series."""
        frame = texts.rename("text").to_frame().with_row_index("row_id")
        return cls(frame.lazy(), frame["row_id"])

    def __len__(self) -> int:
        return len(self._ids)

    def parts(self) -> Iterator[pl.Series]:
        """All of them, some at a time; no part is larger than PART."""
        for start in range(0, len(self._kept), PART):
            part = self._whole.select("text").slice(start, PART).collect()
            yield part["text"].filter(self._kept.slice(start, PART))

    def gather(self, places: NDArray[np.int64]) -> pl.Series:
        """Those at `places`, which rise."""
        # Places that lie close together, as those of a part do, are read without what stands around them.
        start = self._at[places[:1]].sum()
        stop = self._at[places[-1:]].sum() + 1
        return rows_of(self._whole.slice(start, stop - start), self._ids.gather(places), ["text"])["text"]
