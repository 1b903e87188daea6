"""Losses of tokens under a causal language model, many sequences at a time.

Sequences of like length stand together and are filled up at their ends: what is behind a token has no part in its
loss, so no mask is needed and nothing changes. Logits are worked out where a token is scored and nowhere else. On the
CPU each core takes batches of its own, which is quicker than all cores on one: the steps of a small model are too
short to be shared out.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines._processor import has
from pipelines.difficulty.causal_folder import Loaded
from pipelines.difficulty.turns import Sequence
from pipelines.embedding.reference import has_gpu

# Tokens in a batch. On one core with AMX 1,024 took the least CPU time a row of Alpaca; 256 and 4,096 took half as much
# again.
BUDGET, GPU_BUDGET = 1_024, 32_768
# Logits that are taken to full precision at a time: 50 MB with a vocabulary of 49,152.
_ROWS = 256
# Each holds a batch's logits; more of them is memory rather than speed.
_MOST_WORKERS = 16
# By Linux' names: Intel and AMD, and ARM.
_BF16 = {"amx_bf16", "avx512_bf16", "bf16"}


@cache
def precision() -> str:
    """`bfloat16` where the processor (or a GPU) multiplies it, else `float32`, which is quicker than to emulate it."""
    return "bfloat16" if has_gpu() or has(*_BF16) else "float32"


class Losses:
    """A loaded model that is asked for losses."""

    def __init__(self, loaded: Loaded) -> None:
        import torch

        self._gpu = has_gpu()
        self._model = loaded.model.to("cuda") if self._gpu else loaded.model
        self._threads = torch.get_num_threads()
        self._head = _picking(self._model)

    def __call__(self, sequences: list[Sequence]) -> NDArray[np.float64]:
        """For each sequence the sum of the losses of its scored tokens, in nats."""
        import torch

        found = np.zeros(len(sequences))
        workers = 1 if self._gpu else min(self._threads, _MOST_WORKERS)
        budget = GPU_BUDGET if self._gpu else BUDGET
        # What a worker sets for itself holds for the process with some of torch's libraries.
        try:
            with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                work = [pool.submit(self._sums, sequences, places) for places in batches(sequences, budget)]
                try:
                    for one in work:
                        places, sums = one.result()
                        found[places] = sums
                finally:
                    pool.shutdown(cancel_futures=True)
        finally:
            torch.set_num_threads(self._threads)
        return found

    def _sums(
        self, sequences: list[Sequence], places: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        import torch

        mine = [sequences[place] for place in places]
        longest = max(len(one.ids) for one in mine) - 1
        # The last token predicts nothing that is asked.
        ids = np.array([one.ids[:-1] + [0] * (longest - len(one.ids) + 1) for one in mine], dtype=np.int64)
        scored = [np.concatenate([np.arange(*span) for span in one.spans]) for one in mine]
        before = np.concatenate([row * longest + at - 1 for row, at in enumerate(scored)])
        targets = np.concatenate([np.array(one.ids)[at] for one, at in zip(mine, scored, strict=True)])
        with torch.inference_mode():
            losses = self._of_tokens(
                *(torch.from_numpy(each).to(self._model.device) for each in (ids, before, targets))
            )
        owners = np.repeat(np.arange(len(mine)), [len(at) for at in scored])
        sums: NDArray[np.float64] = np.bincount(owners, losses, len(mine)).astype(np.float64)
        return places, sums

    def _of_tokens(self, ids: Any, before: Any, targets: Any) -> NDArray[np.float64]:
        """The loss of each of `targets`, predicted at the places `before` of the flattened `ids`."""
        import torch

        with self._head.at(before):
            logits = self._model(input_ids=ids, use_cache=False).logits
        parts = [
            torch.nn.functional.cross_entropy(
                logits[start : start + _ROWS].float(), targets[start : start + _ROWS], reduction="none"
            )
            for start in range(0, len(targets), _ROWS)
        ]
        found: NDArray[np.float64] = torch.cat(parts).cpu().double().numpy()
        return found


def batches(sequences: list[Sequence], budget: int) -> Iterator[NDArray[np.int64]]:
    """Places of sequences of like length, longest first, at most `budget` tokens (or one sequence) each.

    >>> rows = [Sequence([0] * size, [(1, size)]) for size in (2, 5, 3)]
    >>> [places.tolist() for places in batches(rows, budget=6)]
    [[1], [2, 0]]
    """
    lengths = np.fromiter((len(one.ids) for one in sequences), dtype=np.int64, count=len(sequences))
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        most = max(1, budget // int(lengths[order[start]]))
        yield order[start : start + most]
        start += most


def _picking(model: Any) -> Any:
    """Put a head in the place of the model's, which works at chosen places alone: logits come as (places, words).

    Whatever the model does to its logits afterwards (scales them, bounds them) it does as before.
    """
    import torch

    class Picking(torch.nn.Module):
        def __init__(self, head: Any) -> None:
            super().__init__()
            self.head = head
            self.chosen = threading.local()

        def at(self, places: Any) -> "_Chosen":
            return _Chosen(self.chosen, places)

        def forward(self, hidden: Any) -> Any:
            return self.head(hidden.reshape(-1, hidden.shape[-1])[self.chosen.places])

    head = Picking(model.get_output_embeddings())
    model.set_output_embeddings(head)
    return head


class _Chosen:
    """While it lasts, this thread's places are chosen."""

    def __init__(self, chosen: threading.local, places: Any) -> None:
        self._chosen, self._places = chosen, places

    def __enter__(self) -> None:
        self._chosen.places = self._places

    def __exit__(self, *_: object) -> None:
        del self._chosen.places
