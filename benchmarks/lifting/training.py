"""LoRA on the upper layers, for so many tokens

The adapter is that of Hu et al. 2021 (arXiv:2106.09685), on all linear layers, alpha twice the rank. AdamW with a
warm-up of a tenth of the steps and a linear decay. Every run sees the same number of tokens, however many texts hold
them: fewer texts are seen more often. The adapter multiplies in the model's own precision, which is twice as quick on
a processor with AMX, and is learnt in full precision beside it: steps that 16 bits would round away add up.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.lifting.halves import Halves, Text, tokens_of
from pipelines.difficulty.losses import batches
from pipelines.difficulty.turns import Sequence as Tokens

RANK, RATE, BATCH = 16, 1e-3, 512
"""The adapter's rank, the highest learning rate, and tokens in a step."""
_WARM_UP = 0.1
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Texts that are sorted by length together, so that little is filled up and batches differ from seed to seed.
_SORTED = 32


@contextmanager
def trained(halves: Halves, texts: Sequence[Text], *, tokens: int, seed: int) -> Iterator[int]:
    """Within the block the model is trained; afterwards it is as it was. Yields how many tokens it has seen."""
    import torch
    from peft import LoraConfig, LoraModel

    torch.manual_seed(seed)
    upper = list(range(halves.cut, halves.model.config.num_hidden_layers))
    adapter = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=LAYERS, layers_to_transform=upper)
    adapted = LoraModel(halves.model, adapter, "default")
    for each in adapted.parameters():
        if each.requires_grad:
            each.data = each.data.to(halves.model.dtype)
    try:
        yield _train(halves, [each for each in adapted.parameters() if each.requires_grad], texts, tokens, seed)
    finally:
        adapted.unload()


def _train(halves: Halves, used: list[Any], texts: Sequence[Text], tokens: int, seed: int) -> int:
    import torch

    learnt = [each.detach().float() for each in used]

    steps = list(_steps(texts, tokens, np.random.default_rng(seed)))
    warm = max(1, round(_WARM_UP * len(steps)))
    optimizer = torch.optim.AdamW(learnt, lr=RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda at: min((at + 1) / warm, (len(steps) - at) / max(1, len(steps) - warm))
    )
    for batch in steps:
        halves.losses(batch).mean().backward()
        for full, each in zip(learnt, used, strict=True):
            full.grad, each.grad = each.grad.float(), None
        torch.nn.utils.clip_grad_norm_(learnt, 1.0)
        optimizer.step()
        schedule.step()
        for full, each in zip(learnt, used, strict=True):
            each.data.copy_(full)
    return sum(tokens_of(batch) for batch in steps)


def _steps(texts: Sequence[Text], tokens: int, draw: np.random.Generator) -> Iterator[list[Text]]:
    """Batches, epoch after epoch, until so many tokens are seen."""
    seen = 0
    while True:
        order = draw.permutation(len(texts))
        epoch = [
            [texts[order[start + place]] for place in places]
            for start in range(0, len(order), _SORTED)
            for places in batches([Tokens(texts[at].ids, []) for at in order[start : start + _SORTED]], BATCH)
        ]
        for at in draw.permutation(len(epoch)):
            if seen >= tokens:
                return
            yield epoch[at]
            seen += tokens_of(epoch[at])
