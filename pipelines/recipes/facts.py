"""What a recipe's numbers follow from: the release, the model and the GPU"""

import math
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines.advice.effort import EFFECTIVE_BATCH, epochs_for
from pipelines.advice.fits import Fit, fit
from pipelines.advice.memory import GB, Method
from pipelines.advice.method import RANK
from pipelines.advice.model_shape import ModelShape
from pipelines.recipes.learned import Balance, balance, learned_lengths
from schemas.errors import UsageError
from schemas.record import Kind
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
# How strongly the model is held to what it was: DPO's and KTO's papers, and every trainer's own value.
BETA = 0.1


class Reasoned(NamedTuple):
    """A number and why."""

    value: float
    why: str

    @property
    def whole(self) -> int:
        """As an integer."""
        return int(self.value)


class Target(NamedTuple):
    """What is trained, and on what: the model as trainers are told it, its shape, the GPU's bytes."""

    model: str
    shape: ModelShape
    gpu: int


class Facts(NamedTuple):
    """All that recipes write, worked out once. `release` and `data` are absolute paths."""

    release: Path
    data: Path
    run_id: str
    kind: Kind
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
    beta: Reasoned  # for preferences and labelled answers
    balance: Balance | None  # for labelled answers

    @property
    def quantised(self) -> bool:
        """Whether the base model is held in 4 bits."""
        return self.method == Method.QLORA


def gather(release: Path, data: Path, report: Report, records: pl.DataFrame, kind: Kind, target: Target) -> Facts:
    """Of released `records` (n_tokens, split, label, and the turns), all of one kind. Raises UsageError."""
    rows, validation = (int((records["split"] == split).sum()) for split in ("train", "validation"))
    lengths = learned_lengths(records, kind).drop_nulls()
    if lengths.is_empty() or not rows:
        raise UsageError(f"{release}: has no row to finetune on; curate more data, or relax its checks")
    window = _window(lengths)
    found = _fitting(target, kind, window)
    how = found.how
    accumulation = max(1, EFFECTIVE_BATCH // how.batch)
    epochs = _epochs(kind, rows)
    steps = epochs.whole * math.ceil(rows / (how.batch * accumulation))
    mean = float(lengths.cast(pl.Float64).mean() or 1.0)  # type: ignore[arg-type]
    packed = kind == Kind.SFT and window.value >= PACKING_FROM * mean
    large = target.shape.parameters > 20 * GB
    return Facts(
        release=release, data=data, run_id=report.run.run_id, kind=kind, model=target.model, method=how.method,
        seed=report.run.seed, rows=rows, validation=validation, window=window, packing=packed,
        packing_why=f"rows are {mean:.0f} tokens long on average" + ("" if packed else ", which fills the window"),
        batch=Reasoned(how.batch, f"{found.memory.total / GB:.1f} GB of {target.gpu / GB:.0f} GB by assay advise"),
        accumulation=Reasoned(accumulation, f"{how.batch * accumulation} {_UNIT[kind]} between updates"),
        checkpointing=how.checkpointing,
        checkpointing_why="activations would not fit" if how.checkpointing else "activations fit",
        epochs=epochs,
        eval_steps=Reasoned(max(1, steps // LOOKS), f"{LOOKS} looks at {validation:,} rows in {steps:,} steps"),
        learning_rate=_learning_rate(kind, large),
        rank=Reasoned(RANK, "LoRA's paper sees little gain beyond 8, QLoRA's took 64"),
        alpha=Reasoned(2 * RANK, "twice the rank"),
        dropout=_dropout(kind, large),
        warmup=Reasoned(0.03, "as QLoRA's paper") if kind == Kind.SFT else Reasoned(0.1, "as Zephyr's recipe"),
        beta=Reasoned(BETA, "DPO's and KTO's papers; lower lets the model move further from what it was"),
        balance=balance(records) if kind == Kind.KTO else None,
    )  # fmt: skip


# LoRA leaves the base alone, so that several serve on one; full finetuning is asked for by hand.
_ORDER = (Method.LORA, Method.QLORA)
_UNIT = {Kind.SFT: "rows", Kind.PREFERENCE: "pairs", Kind.KTO: "answers"}


def _fitting(target: Target, kind: Kind, window: Reasoned) -> Fit:
    """A pair is two sequences, and KTO runs each answer behind another prompt besides, for which it needs two."""
    length = window.whole if kind == Kind.SFT else 2 * window.whole
    least = 2 if kind == Kind.KTO else 1
    for method in _ORDER:
        found = fit(target.shape, method, length, target.gpu, RANK)
        if found.fits and found.how.batch >= least:
            return found
    raise UsageError(
        f"not even QLoRA of {target.shape.name} fits {target.gpu / GB:.0f} GB; "
        "name a smaller model or a larger --gpu-memory"
    )


def _window(lengths: pl.Series) -> Reasoned:
    wanted = float(lengths.quantile(WHOLE, interpolation="higher") or 1)
    window = min(LONGEST_WINDOW, STEP * math.ceil(wanted / STEP))
    cut = int((lengths > window).sum())
    return Reasoned(window, f"holds {1 - cut / len(lengths):.1%} of the rows whole; {cut:,} are cut or left out")


def _epochs(kind: Kind, rows: int) -> Reasoned:
    if kind == Kind.SFT:
        return Reasoned(epochs_for(rows), f"{rows:,} rows")
    return Reasoned(1, "once: preferences are soon learned by heart (Zephyr's recipe)")


def _learning_rate(kind: Kind, large: bool) -> Reasoned:
    if kind == Kind.SFT:
        return Reasoned(1e-4 if large else 2e-4, "as QLoRA's paper: 2e-4 up to 13B, 1e-4 above")
    return Reasoned(5e-6, "as Zephyr's and LLaMA-Factory's recipes for adapters; SFT's would unlearn the model")


def _dropout(kind: Kind, large: bool) -> Reasoned:
    if kind == Kind.SFT:
        return Reasoned(0.05 if large else 0.1, "as QLoRA's paper: .1 up to 13B, .05 above")
    return Reasoned(0.0, "DPO and KTO compare with the model itself, which noise would blur")
