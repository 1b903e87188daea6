"""A LoRA adapter, from wherever its training stands to its end; what it learnt; and the model with it merged in."""

import time
from pathlib import Path
from typing import Any, NamedTuple

from building import build
from held_out import HeldOut, held_out_loss
from options import Options
from peft import PeftModel
from place import Place, place
from resuming import last_checkpoint, put, read, write
from rows import Rows
from say import say
from transformers import set_seed
from weights import load

ADAPTER, MERGED, BEFORE = "adapter", "merged", "before.json"


class Trained(NamedTuple):
    """`steps`, `tokens` (with those of questions) and `seconds` are of this call, which began at step `began_at`."""

    began_at: int
    steps: int
    tokens: int
    seconds: float
    place: str
    precision: str
    before: dict[str, HeldOut]
    after: dict[str, HeldOut]


def train(options: Options, rows: Rows, window: int) -> Trained:
    """Train to the end and leave the adapter in the folder `adapter`. Raises ModelError."""
    where = place()
    trainer: Any = build(options, rows, window, where)
    _tell(trainer, rows, where, window)
    before = _before(options.out, trainer)
    checkpoint = last_checkpoint(options.out)
    began_at = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    if checkpoint:
        say("goes on", f"after step {began_at}")
    began = time.monotonic()
    # What was drawn until here must not matter: the order of the rows and the dropout follow from the seed.
    set_seed(options.seed)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - began
    put(options.out / ADAPTER, lambda folder: trainer.model.save_pretrained(folder))
    steps = trainer.state.global_step - began_at
    tokens = max((int(logs.get("num_tokens", 0)) for logs in trainer.state.log_history if steps), default=0)
    return Trained(began_at, steps, tokens, seconds, where.name, where.precision, before, _measured(trainer))


def merge(options: Options) -> None:
    """The adapter's matrices added to the base model's, in 32 bits: a model that needs neither of the two."""
    base, tokenizer = load(options.model)
    merged = PeftModel.from_pretrained(base, options.out / ADAPTER).merge_and_unload()

    def fill(folder: Path) -> None:
        merged.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    put(options.out / MERGED, fill)


def _before(out: Path, trainer: Any) -> dict[str, HeldOut]:
    """Measured once: a training that is gone on with has learnt since."""
    known = read(out / BEFORE)
    if known is None:
        known = {name: list(found) for name, found in _measured(trainer).items()}
        write(out / BEFORE, known)
    for name, (loss, _) in known.items():
        say("held out", f"{name}: loss {loss:.3f} before")
    return {name: HeldOut(*found) for name, found in known.items()}


def _measured(trainer: Any) -> dict[str, HeldOut]:
    return {name: held_out_loss(trainer, rows) for name, rows in trainer.eval_dataset.items() if len(rows)}


def _tell(trainer: Any, rows: Rows, where: Place, window: int) -> None:
    learnt, all_of_it = trainer.model.get_nb_trainable_parameters()
    say("model", f"{all_of_it - learnt:,} weights in {where.precision}; the adapter has {learnt:,}")
    say("computed", f"on {where.name}")
    cut = sum(len(ids) == window for ids in trainer.train_dataset["input_ids"])
    dropped = len(rows.train) - len(trainer.train_dataset)
    say("window", f"{window} tokens: {cut} rows fill it and may be cut there, {dropped} have no answer within it")
