"""Tiles of products of codes, worked through by all cores, and the pairs in them that are close enough."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import STRIP, WIDTH, Codes, Vectors, cosine_of, unit_rows

# Proposals in one tile from which its true products cost less than one sum for each (measured, 384 dimensions).
DENSE = 4_096
# Similarities are whole numbers of this size: five decimals, so that the order of a sum never decides at a threshold.
UNITS = 100_000

_Task = TypeVar("_Task")
_Done = TypeVar("_Done")
_mine = threading.local()


class Found(NamedTuple):
    """Pairs of positions (int64, either order) and their similarity in UNITS."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    units: NDArray[np.int64]


NOTHING = Found(*(np.zeros(0, dtype=np.int64) for _ in range(3)))


class Wanted(NamedTuple):
    """What makes a pair: the vectors, their codes, and the least similarity in UNITS."""

    vectors: Vectors
    codes: Codes
    least: int

    @property
    def cosine(self) -> float:
        """What rounds up to the least similarity."""
        return (self.least - 0.5) / UNITS


def in_order(work: Callable[[_Task], _Done], tasks: Iterable[_Task]) -> Iterator[_Done]:
    """`work` of each task, in their order, on all cores; a few more than are being worked on are held."""
    with _one_thread_each(), ThreadPoolExecutor(_cores(), initializer=_alone) as pool:
        running: deque[Future[_Done]] = deque()
        for task in tasks:
            running.append(pool.submit(work, task))
            if len(running) > 2 * _cores():
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def strip_pairs(wanted: Wanted, start: int) -> Found:
    """Pairs of the STRIP rows (in the codes' order) from `start` with later rows."""
    codes, count = wanted.codes, len(wanted.codes.order)
    rows = codes.order[start : start + STRIP]
    left = codes.rows[rows]
    found = Collected(wanted.vectors, wanted.least)
    for block in range(start // WIDTH, len(codes.columns)):
        columns = codes.order[block * WIDTH : (block + 1) * WIDTH]
        a, b = proposals(left, codes.columns[block], codes.least(rows, columns, wanted.cosine))
        later = b + block * WIDTH
        # The last block is filled up with nothing, and the one on the diagonal holds each pair twice.
        fits = (later > a + start) & (later < count)
        found.add(rows[a[fits]], columns[b[fits]])
    return found.all()


def proposals(rows: Any, columns: Any, low: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of each product of at least `low`."""
    sums = products(rows, columns)
    return places(
        sums >= np.asarray(np.floor(low), dtype=sums.dtype) if sums.dtype == np.int32 else sums >= np.float32(low)
    )


def places(marked: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of what is marked; quick where that is little."""
    flat = np.ascontiguousarray(marked).reshape(-1)
    if len(flat) % 8:
        hits = np.flatnonzero(flat)
    else:
        words = np.flatnonzero(flat.view(np.uint64))
        word, byte = np.nonzero(flat.reshape(-1, 8)[words])
        hits = words[word] * 8 + byte
    return hits // marked.shape[1], hits % marked.shape[1]


def products(rows: Any, columns: Any) -> NDArray[Any]:
    """(rows, columns) as int32 or float32, in memory that the next call of this thread uses again."""
    import torch

    whole = rows.dtype == torch.int8
    shape, dtype = (len(rows), columns.shape[1]), torch.int32 if whole else torch.float32
    size = shape[0] * shape[1]
    held = getattr(_mine, "sums", None)
    if held is None or held.dtype != dtype or len(held) < size:
        held = _mine.sums = torch.empty(max(size, STRIP * WIDTH), dtype=dtype)
    out = held[:size].view(shape)
    (torch._int_mm if whole else torch.mm)(rows, columns, out=out)
    made: NDArray[Any] = out.numpy()
    return made


class Collected:
    """Proposed pairs, summed up DENSE at a time."""

    def __init__(self, vectors: Vectors, least: int) -> None:
        self._vectors, self._least = vectors, least
        self._found = [NOTHING]
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._count = 0

    def add(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> None:
        """Propose pairs of positions."""
        if len(a) > DENSE:
            self._found.append(_dense(self._vectors, a, b, self._least))
        elif len(a):
            self._waiting.append((a, b))
            self._count += len(a)
        if self._count > DENSE:
            self._settle()

    def all(self) -> Found:
        """Those that are close enough."""
        self._settle()
        return Found(*(np.concatenate(column) for column in zip(*self._found, strict=True)))

    def _settle(self) -> None:
        if self._waiting:
            a, b = (np.concatenate(column) for column in zip(*self._waiting, strict=True))
            self._found.append(close_pairs(a, b, cosine_of(self._vectors, a, b), self._least))
        self._waiting, self._count = [], 0


def _dense(vectors: Vectors, a: NDArray[np.int64], b: NDArray[np.int64], least: int) -> Found:
    """So many pairs of the same rows that all of the rows' products are cheaper."""
    rows, row = np.unique(a, return_inverse=True)
    columns, column = np.unique(b, return_inverse=True)
    first, second = (unit_rows(vectors, each).astype(np.float64) for each in (rows, columns))
    return close_pairs(a, b, (first @ second.T)[row, column], least)


def close_pairs(a: NDArray[np.int64], b: NDArray[np.int64], cosine: NDArray[np.float64], least: int) -> Found:
    """Those of proposed pairs that are close enough."""
    units = in_units(cosine)
    close = units >= least
    return Found(a[close], b[close], units[close])


def in_units(cosine: NDArray[np.float64]) -> NDArray[np.int64]:
    """Cosines as similarities in [0, UNITS].

    >>> in_units(np.array([-0.5, 0.123456, 1.0000002])).tolist()
    [0, 12346, 100000]
    """
    return np.rint(np.clip(cosine, 0, 1) * UNITS).astype(np.int64)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _alone() -> None:
    import torch

    torch.set_num_threads(1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Tiles are small: one thread for each beats all threads on one, which wait for each other."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
