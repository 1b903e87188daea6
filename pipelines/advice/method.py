"""Which method fits: each worked out on the named GPU, with time and price where there is a release"""

from collections.abc import Sequence
from typing import NamedTuple

from pipelines._shown import plural, share
from pipelines.advice.effort import GPUS, Effort, Gpu, effort, throughput_of
from pipelines.advice.fits import Fit, fit
from pipelines.advice.memory import GB, Method, adapter_bytes, trainable
from pipelines.advice.model_shape import ModelShape
from schemas.advice import Method as Advised
from schemas.advice import MethodFit

# LoRA's rank where nothing says more: Hu et al. 2021 see little gain beyond 8, QLoRA takes 16 to 64.
RANK = 16
# What nobody has measured: the length of a usual chat sequence.
USUAL_SEQUENCE = 512


class Machine(NamedTuple):
    """One GPU. `memory` in bytes; `price` for an hour; `throughput` in tokens a second, as the user measured it."""

    memory: int
    name: str | None = None
    price: float | None = None
    throughput: float | None = None


class Data(NamedTuple):
    """What of a release time follows from. `longest` is the 95th percentile of its sequences, in tokens."""

    rows: int
    tokens: int
    longest: int
    because: str


def method(shape: ModelShape, machine: Machine, data: Data | None, wants: Sequence[str] | None) -> Advised:
    """`wants` are the methods that the number of rows is enough for (null: unknown); the first that fits is chosen."""
    sequence = data.longest if data else USUAL_SEQUENCE
    gpu = GPUS.get(machine.name or "")
    fits = [_one(shape, each, machine, gpu, data, sequence) for each in Method]
    fitting = [each.method for each in fits if each.fits]
    # The most that can be learned first: full where rows and memory allow, LoRA before QLoRA, as it is quicker.
    order = [name for name in ("full", "lora", "qlora", "adapters", "prompt-tuning") if name in fitting]
    chosen = next((name for name in order if wants is None or name in wants), None)
    return Advised(
        says=_says(shape, machine, fits, chosen, order), model=shape.name, parameters=shape.parameters,
        guessed=shape.guessed, sequence=sequence,
        sequence_because=data.because if data else "no release was named: a usual chat sequence",
        gpu_memory=machine.memory, throughput_because=_throughput_said(machine, gpu), fits=fits, chosen=chosen,
    )  # fmt: skip


def _one(
    shape: ModelShape, method: Method, machine: Machine, gpu: Gpu | None, data: Data | None, sequence: int
) -> MethodFit:
    found = fit(shape, method, sequence, machine.memory, RANK)
    trained = trainable(shape, found.how)
    needs = _effort(shape, found, machine, gpu, data)
    return MethodFit(
        method=method.value, fits=found.fits, gpus=found.gpus, total=found.memory.total, **found.memory._asdict(),
        batch=found.how.batch, checkpointing=found.how.checkpointing, optimizer_kind=found.how.optimizer.value,
        trainable=trained, trainable_share=trained / shape.parameters, adapter_bytes=adapter_bytes(shape, found.how),
        epochs=needs.epochs if needs else None, steps=needs.steps if needs else None,
        tokens=needs.tokens if needs else None, tokens_per_second=needs.tokens_per_second if needs else None,
        hours=needs.hours if needs else None, price=needs.price if needs else None,
    )  # fmt: skip


def _effort(shape: ModelShape, found: Fit, machine: Machine, gpu: Gpu | None, data: Data | None) -> Effort | None:
    if data is None:
        return None
    estimated = throughput_of(gpu, shape, found.how.method, checkpointing=found.how.checkpointing) if gpu else None
    return effort(data.rows, data.tokens, machine.throughput or estimated, machine.price)


def _throughput_said(machine: Machine, gpu: Gpu | None) -> str:
    if machine.throughput:
        return "as given"
    if gpu:
        return f"estimated: {gpu.flops:.0f} x 10^12 operations a second by the maker, of which 30 % are used"
    return "unknown: name the GPU (--gpu) or what it does (--tokens-per-second)"


def _says(shape: ModelShape, machine: Machine, fits: list[MethodFit], chosen: str | None, order: Sequence[str]) -> str:
    at = {each.method: each for each in fits}
    room = f"{machine.memory / GB:.0f} GB"
    if not order:
        least = min(fits, key=lambda each: each.total)
        return f"nothing fits {room}: the least, {least.method}, takes {least.total / GB:.1f} GB"
    if chosen is None:
        return f"{', '.join(order)} fit {room}, but there are too few rows for them"
    one = at[chosen]
    said = f"{chosen} fits {room}: {one.total / GB:.1f} GB, {share(one.trainable_share)} of the weights trained"
    full = at[Method.FULL.value]
    if not full.fits:
        said += f"; full takes {full.total / GB:.0f} GB" + (f", {plural(full.gpus, 'such GPU')}" if full.gpus else "")
    return said
