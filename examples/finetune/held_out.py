"""The loss on rows that nothing was learnt from."""

from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy

_AT_ONCE = 4


class HeldOut(NamedTuple):
    """`loss` is nats for each token of an answer, averaged over all `tokens` of all rows."""

    loss: float
    tokens: int


def held_out_loss(trainer: Any, rows: Any) -> HeldOut:
    """`rows` as the trainer prepared them. Draws nothing at random, so that a training goes on as if never asked."""
    model = trainer.model.eval()
    total, tokens = 0.0, 0
    with torch.inference_mode(), trainer.compute_loss_context_manager():
        for start in range(0, len(rows), _AT_ONCE):
            chosen = [{key: rows[at][key] for key in ("input_ids", "labels")} for at in _few(start, len(rows))]
            batch = {key: value.to(model.device) for key, value in trainer.data_collator(chosen).items()}
            labels = batch.pop("labels")[:, 1:]
            logits = model(**batch, use_cache=False).logits[:, :-1][labels != -100].float()
            total += float(cross_entropy(logits, labels[labels != -100], reduction="sum"))
            tokens += len(logits)
    return HeldOut(total / tokens, tokens)


def _few(start: int, end: int) -> range:
    return range(start, min(start + _AT_ONCE, end))
