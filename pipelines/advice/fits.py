"""Which way of finetuning fits a GPU: each tried with the settings that cost least in time first."""

from collections.abc import Iterator
from typing import NamedTuple

from pipelines.advice.memory import GB, Memory, Method, Optimizer, Training, memory
from pipelines.advice.model_shape import ModelShape, guessed_shape, parameters_named
from schemas.advice import Published

# Rows worked on at once; more are gathered over several steps. Beyond 16 a GPU is busy with sequences of usual length.
BATCHES = (16, 8, 4, 2, 1)


class Fit(NamedTuple):
    """A method on one GPU. Where it does not fit, `how` is its most frugal form, and `gpus` how many that takes."""

    how: Training
    memory: Memory
    fits: bool
    gpus: int  # of the named size; states shared out evenly among them, activations on each


def fit(shape: ModelShape, method: Method, sequence: int, gpu: int, rank: int) -> Fit:
    """`sequence` in tokens, `gpu` in bytes: the quickest form that fits, else the most frugal one."""
    tried = list(_forms(method, sequence, rank))
    for how in tried:
        needed = memory(shape, how)
        if needed.total <= gpu:
            return Fit(how, needed, True, 1)
    needed = memory(shape, tried[-1])
    on_each = needed.activations + needed.reserved
    shared = needed.total - on_each
    room = gpu - on_each
    return Fit(tried[-1], needed, False, -(-shared // room) if room > 0 else 0)


def _forms(method: Method, sequence: int, rank: int) -> Iterator[Training]:
    """From the quickest to the most frugal: recomputing costs a third more time, a smaller batch less than that."""
    optimizers = (Optimizer.MIXED, Optimizer.EIGHT_BIT) if method == Method.FULL else (Optimizer.MIXED,)
    for optimizer in optimizers:
        for batch, checkpointing in [
            *((batch, False) for batch in BATCHES if batch >= 4),
            *((batch, True) for batch in BATCHES if batch >= 4),
            *((batch, checkpointing) for batch in (2, 1) for checkpointing in (False, True)),
        ]:
            yield Training(method, sequence, batch, checkpointing, optimizer, rank)


_LORA = "Hu et al. 2021, LoRA, section 4.2"
_QLORA = "Dettmers et al. 2023, QLoRA"


def published() -> list[Published]:
    """What others measured or stated, beside what is worked out here for the same."""
    shapes = {size: guessed_shape(parameters_named(size)) for size in ("13B", "33B", "65B", "175B")}

    def gigabytes(size: str, how: Training) -> float:
        return round(memory(shapes[size], how).total / GB, 1)

    states = memory(shapes["13B"], Training(Method.FULL, 1, optimizer=Optimizer.BF16))
    of_65 = memory(shapes["65B"], Training(Method.FULL, 1, optimizer=Optimizer.FP32_STATES))
    of_175 = memory(shapes["175B"], Training(Method.FULL, 1, optimizer=Optimizer.BF16))
    frozen = memory(shapes["175B"], Training(Method.LORA, 1, rank=4, every_matrix=False))
    return [
        _told("13B, weights in 16 bits", "26 GB", round(states.weights / GB, 1), "GB", "2 bytes a parameter"),
        _told("13B, with gradients and Adam in 16 bits", "104 GB", _states(states), "GB", "8 bytes a parameter"),
        _told("65B, full, 32-bit Adam", "more than 780 GB", _states(of_65), "GB", f"{_QLORA}, section 1"),
        _told("33B, QLoRA", "21 GB", gigabytes("33B", Training(Method.QLORA, 512)), "GB", f"{_QLORA}, table 6"),
        _told("65B, QLoRA", "41 GB", gigabytes("65B", Training(Method.QLORA, 512)), "GB", f"{_QLORA}, table 6"),
        _told("GPT-3 175B, full", "1.2 TB", _states(of_175), "GB", _LORA),
        _told("GPT-3 175B, LoRA", "350 GB", _states(frozen), "GB", _LORA),
    ]


def _told(what: str, published: str, ours: float, unit: str, source: str) -> Published:
    return Published(what=what, published=published, ours=ours, unit=unit, source=source)


def _states(of: Memory) -> float:
    return round((of.total - of.activations - of.reserved) / GB, 1)
