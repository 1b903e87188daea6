"""What a recipe's numbers follow from: the release, the model and the GPU"""

import math
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines.advice.effort import EFFECTIVE_BATCH, epochs_for
from pipelines.advice.fits import fit
from pipelines.advice.memory import GB, Method
from pipelines.advice.method import RANK
from pipelines.advice.model_shape import ModelShape
from schemas.errors import UsageError
from schemas.report import Report

# Windows are a multiple of it: what tiles of a matrix product divide evenly.
STEP = 128
LONGEST_WINDOW = 8_192
# Of the rows, those that the window holds whole.
WHOLE = 0.99
# A window this many times the mean length is mostly padding, unless rows are packed into it.
PACKING_FROM = 3
# Looks at the validation rows, over the whole training.
LOOKS = 20


class Reasoned(NamedTuple):
    """A number and why."""

    value: float
    why: str

    @property
    def whole(self) -> int:
        """As an integer."""
        return int(self.value)


class Facts(NamedTuple):
    """All that recipes write, worked out once. `release` and `data` are absolute paths."""

    release: Path
    data: Path
    run_id: str
    model: str
    method: Method
    seed: int
    rows: int
    validation: int
    window: Reasoned
    packing: bool
    packing_why: str
    batch: Reasoned
    accumulation: Reasoned
    checkpointing: bool
    checkpointing_why: str
    epochs: Reasoned
    eval_steps: Reasoned
    learning_rate: Reasoned
    rank: Reasoned
    alpha: Reasoned
    dropout: Reasoned
    warmup: Reasoned

    @property
    def quantised(self) -> bool:
        """Whether the base model is held in 4 bits."""
        return self.method == Method.QLORA


def gather(
    release: Path, data: Path, report: Report, lengths: pl.Series, model: str, shape: ModelShape, gpu: int
) -> Facts:
    """`lengths` are tokens of the released rows that are finetuned on, `gpu` bytes. Raises UsageError."""
    rows, validation = report.splits.train.rows, report.splits.validation.rows
    if lengths.is_empty() or not rows:
        raise UsageError(f"{release}: has no row to finetune on; curate more data, or relax its checks")
    window = _window(lengths)
    found = next(
        (each for each in (fit(shape, method, window.whole, gpu, RANK) for method in _ORDER) if each.fits), None
    )
    if found is None:
        raise UsageError(
            f"not even QLoRA of {shape.name} fits {gpu / GB:.0f} GB; name a smaller model or a larger --gpu-memory"
        )
    how = found.how
    accumulation = max(1, EFFECTIVE_BATCH // how.batch)
    epochs = epochs_for(rows)
    steps = epochs * math.ceil(rows / (how.batch * accumulation))
    mean = float(lengths.cast(pl.Float64).mean() or 1.0)  # type: ignore[arg-type]
    packed = window.value >= PACKING_FROM * mean
    large = shape.parameters > 20 * GB
    return Facts(
        release=release, data=data, run_id=report.run.run_id, model=model, method=how.method, seed=report.run.seed,
        rows=rows, validation=validation, window=window, packing=packed,
        packing_why=f"rows are {mean:.0f} tokens long on average" + ("" if packed else ", which fills the window"),
        batch=Reasoned(how.batch, f"{found.memory.total / GB:.1f} GB of {gpu / GB:.0f} GB by assay advise"),
        accumulation=Reasoned(accumulation, f"{how.batch * accumulation} rows between updates"),
        checkpointing=how.checkpointing,
        checkpointing_why="activations would not fit" if how.checkpointing else "activations fit",
        epochs=Reasoned(epochs, f"{rows:,} rows"),
        eval_steps=Reasoned(max(1, steps // LOOKS), f"{LOOKS} looks at {validation:,} rows in {steps:,} steps"),
        learning_rate=Reasoned(1e-4 if large else 2e-4, "as QLoRA's paper: 2e-4 up to 13B, 1e-4 above"),
        rank=Reasoned(RANK, "LoRA's paper sees little gain beyond 8, QLoRA's took 64"),
        alpha=Reasoned(2 * RANK, "twice the rank"),
        dropout=Reasoned(0.05 if large else 0.1, "as QLoRA's paper: .1 up to 13B, .05 above"),
        warmup=Reasoned(0.03, "as QLoRA's paper"),
    )  # fmt: skip


# LoRA leaves the base alone, so that several serve on one; full finetuning is asked for by hand.
_ORDER = (Method.LORA, Method.QLORA)


def _window(lengths: pl.Series) -> Reasoned:
    wanted = float(lengths.quantile(WHOLE, interpolation="higher") or 1)
    window = min(LONGEST_WINDOW, STEP * math.ceil(wanted / STEP))
    cut = int((lengths > window).sum())
    return Reasoned(window, f"holds {1 - cut / len(lengths):.1%} of the rows whole; {cut:,} are cut or left out")
