"""Texts to batches of token ids: texts of one length stand together, so nothing is padded.

Without padding no work is wasted, no mask is needed, and a text's vector does not depend on its
neighbours: on the CPU the same bytes come out whatever else is embedded beside it.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Tokens in a batch. On two cores 1,024 to 2,048 were fastest: more no longer fits the cores' own caches.
BUDGET = 2_048


class Tokens(NamedTuple):
    """`rows[i]` are the ids of text i, cut to the window; `truncated` marks those that were cut."""

    rows: list[list[int]]
    truncated: NDArray[np.bool_]


class Batch(NamedTuple):
    """`ids` is (texts, tokens); `places` are the positions of its texts."""

    ids: NDArray[np.int64]
    places: NDArray[np.int64]


class Tokenizer:
    """A model's own tokenizer; texts beyond `window` tokens keep their beginning."""

    def __init__(self, folder: Path, window: int) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        from tokenizers import Tokenizer as Library

        self._library = Library.from_file(str(folder / "tokenizer.json"))
        self._library.no_padding()
        self._library.enable_truncation(window)

    def __call__(self, texts: Sequence[str]) -> Tokens:
        encoded = self._library.encode_batch_fast(list(texts))
        truncated = np.fromiter((bool(one.overflowing) for one in encoded), dtype=np.bool_, count=len(encoded))
        return Tokens([one.ids for one in encoded], truncated)


def batches(rows: list[list[int]], budget: int = BUDGET) -> Iterator[Batch]:
    """Rows of one length together, longest first, at most `budget` tokens (or one row) each.

    >>> [(batch.ids.shape, batch.places.tolist()) for batch in batches([[1, 2], [3], [4, 5], [6]], budget=2)]
    [((1, 2), [0]), ((1, 2), [2]), ((2, 1), [1, 3])]
    """
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    order = np.argsort(-lengths, kind="stable")
    bounds = np.flatnonzero(np.diff(lengths[order], prepend=-1, append=-1))
    for first, after in pairwise(bounds):
        most = max(1, budget // max(1, int(lengths[order[first]])))
        for start in range(int(first), int(after), most):
            places = order[start : min(start + most, int(after))]
            yield Batch(np.array([rows[place] for place in places], dtype=np.int64), places)
