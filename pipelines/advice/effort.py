"""What a finetuning run takes: steps, tokens, hours and money"""

import math
from typing import NamedTuple

from pipelines._amounts import amount
from pipelines.advice.memory import Method
from pipelines.advice.model_shape import ModelShape
from schemas.errors import UsageError


class Gpu(NamedTuple):
    """`flops`: dense 16-bit matrix products, 10^12 a second; `gigabytes` of memory; both by the maker's data sheet."""

    flops: float
    gigabytes: float


GPUS = {
    "T4": Gpu(65, 16),
    "L4": Gpu(121, 24),
    "A10": Gpu(125, 24),
    "RTX-4090": Gpu(165, 24),
    "L40S": Gpu(362, 48),
    "A100-40": Gpu(312, 40),
    "A100": Gpu(312, 80),
    "H100": Gpu(989, 80),
    "H200": Gpu(989, 141),
}
"""By the name that `--gpu` takes."""

# Of the peak, what training makes use of: 0.3 to 0.5 is reported (PaLM: .46, Chowdhery et al. 2022, section 4.1; LLaMA
# 65B: .38 by its tokens a second). The lower end, as finetuning's batches are small.
UTILISATION = 0.3

# Operations for each parameter and token: two forward, two for gradients of activations, two for those of weights
# (Kaplan et al. 2020, section 2.1). Frozen weights have none of their own.
_FORWARD, _THROUGH, _OWN = 2, 2, 2

# Rows between two updates of the weights; what LoRA's and QLoRA's papers and Alpaca's recipe have lies in 16 to 128.
EFFECTIVE_BATCH = 32


_GIGABYTES = {"": 1, "g": 1, "gb": 1, "gib": 1}


def gigabytes_named(said: str) -> float:
    """Memory as people write it, in GB.

    >>> gigabytes_named("24GB"), gigabytes_named("80")
    (24.0, 80.0)

    Raises UsageError.
    """
    found = amount(said, _GIGABYTES) or 0.0
    if not 1 <= found <= 10_000:
        raise UsageError(f"--gpu-memory {said!r}: give it in GB, such as 24GB")
    return found


class Effort(NamedTuple):
    """`tokens` are those of all epochs. Hours and price are null where no throughput is known."""

    epochs: int
    steps: int
    tokens: int
    tokens_per_second: float | None
    hours: float | None
    price: float | None


def epochs_for(rows: int) -> int:
    """Passes over the rows: three of a few thousand, as Alpaca and QLoRA's small sets had; one of a large set."""
    return 3 if rows < 20_000 else 2 if rows < 100_000 else 1


def effort(rows: int, tokens: int, throughput: float | None, price_per_hour: float | None) -> Effort:
    """Of `rows` with `tokens` in all; `throughput` in tokens a second."""
    epochs = epochs_for(rows)
    hours = epochs * tokens / throughput / 3600 if throughput else None
    return Effort(
        epochs=epochs,
        steps=epochs * math.ceil(rows / EFFECTIVE_BATCH),
        tokens=epochs * tokens,
        tokens_per_second=throughput,
        hours=hours,
        price=hours * price_per_hour if hours is not None and price_per_hour is not None else None,
    )


def throughput_of(gpu: Gpu, shape: ModelShape, method: Method, *, checkpointing: bool) -> float:
    """Tokens a second, estimated from the maker's peak."""
    operations = _FORWARD + _THROUGH + (_OWN if method == Method.FULL else 0) + (_FORWARD if checkpointing else 0)
    return gpu.flops * 1e12 * UTILISATION / (operations * shape.active_parameters)
