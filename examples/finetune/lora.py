"""LoRA by TRL's SFTTrainer: built, gone on with, measured before and after, saved, merged."""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

from datasets import Dataset
from held_out import HeldOut, held_out_loss
from model import Place, load, marked_template, place
from options import Options
from peft import LoraConfig, PeftModel
from resuming import CHECKPOINTS, last_checkpoint, put, read, seal, write
from rows import Message, Rows
from say import say
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer

from pipelines.advice.effort import epochs_for

ADAPTER, MERGED, BEFORE = "adapter", "merged", "before.json"


class Trained(NamedTuple):
    """Of this call alone: steps and tokens from the checkpoint on that it began with, and their seconds."""

    began_at: int
    steps: int
    tokens: int
    seconds: float
    before: dict[str, HeldOut]
    after: dict[str, HeldOut]


def train(options: Options, rows: Rows, window: int) -> Trained:
    """Train to the end and leave the adapter in the folder `adapter`. Raises ModelError."""
    where = place()
    trainer = _trainer(options, rows, window, where)
    _tell(trainer, rows, where, window)
    before = _before(options.out, trainer)
    checkpoint = last_checkpoint(options.out)
    began_at = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    if checkpoint:
        say("goes on", f"from step {began_at}")
    began = time.monotonic()
    # What was drawn until here must not matter: the order of the rows and the dropout follow from the seed.
    set_seed(options.seed)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - began
    put(options.out / ADAPTER, trainer.model.save_pretrained)
    tokens = int(trainer.state.log_history[-2].get("num_tokens", 0)) if trainer.state.global_step > began_at else 0
    return Trained(began_at, trainer.state.global_step - began_at, tokens, seconds, before, _measured(trainer))


def merge(options: Options) -> None:
    """The adapter's matrices added to the base model's, in 32 bits: a model that needs neither of the two."""
    base, tokenizer = load(options.model)
    merged = PeftModel.from_pretrained(base, options.out / ADAPTER).merge_and_unload()

    def fill(folder: Path) -> None:
        merged.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    put(options.out / MERGED, fill)


def _trainer(options: Options, rows: Rows, window: int, where: Place) -> SFTTrainer:
    # In bfloat16 only where a GPU computes; the adapter's own matrices are of 32 bits everywhere.
    model, tokenizer = load(options.model, exactly=not where.cuda)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    template = marked_template(tokenizer)
    tokenizer.chat_template = template or tokenizer.chat_template
    held_out = {"validation": rows.validation, "test": rows.test}
    # The adapter's first matrices are drawn when the trainer is made.
    set_seed(options.seed)
    trainer = SFTTrainer(
        model=model,
        args=_arguments(options, len(rows.train), window, where, marked=template is not None),
        train_dataset=_dataset(rows.train, marked=template is not None),
        eval_dataset={name: _dataset(some, marked=template is not None) for name, some in held_out.items() if some},
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=options.rank, lora_alpha=options.alpha, lora_dropout=options.dropout,
            target_modules="all-linear", task_type="CAUSAL_LM",
        ),
        callbacks=[_Sealing(), _Telling()],
    )  # fmt: skip
    # Prints what _Telling says, as dicts.
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(options: Options, rows: int, window: int, where: Place, *, marked: bool) -> SFTConfig:
    at_once = max(size for size in range(1, where.rows + 1) if options.batch % size == 0)
    steps = options.steps or (options.epochs or epochs_for(rows)) * math.ceil(rows / options.batch)
    return SFTConfig(
        output_dir=str(options.out / CHECKPOINTS),
        max_steps=steps,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=options.batch // at_once,
        learning_rate=options.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=options.warmup,
        max_length=window,
        assistant_only_loss=marked,
        bf16=where.cuda,
        use_cpu=not where.cuda,
        gradient_checkpointing=False,
        dataloader_pin_memory=where.cuda,
        seed=options.seed,
        data_seed=options.seed,
        save_strategy="steps",
        save_steps=options.save_every,
        # The one before stays until the next is whole.
        save_total_limit=2,
        logging_steps=max(1, steps // 20),
        report_to="none",
        disable_tqdm=True,
    )


def _dataset(conversations: list[list[Message]], *, marked: bool) -> Dataset:
    if marked:
        return Dataset.from_list([{"messages": turns} for turns in conversations])
    return Dataset.from_list([{"prompt": turns[:-1], "completion": turns[-1:]} for turns in conversations])


def _before(out: Path, trainer: SFTTrainer) -> dict[str, HeldOut]:
    """Measured once: a training that is gone on with has learnt since."""
    known = read(out / BEFORE)
    if known is None:
        say("before", "measuring the held-out loss")
        known = {name: list(found) for name, found in _measured(trainer).items()}
        write(out / BEFORE, known)
    return {name: HeldOut(*found) for name, found in known.items()}


def _measured(trainer: SFTTrainer) -> dict[str, HeldOut]:
    return {name: held_out_loss(trainer, rows) for name, rows in trainer.eval_dataset.items()}


def _tell(trainer: SFTTrainer, rows: Rows, where: Place, window: int) -> None:
    learnt, all_of_it = trainer.model.get_nb_trainable_parameters()
    say("model", f"{all_of_it - learnt:,} weights, and {learnt:,} of an adapter that are trained")
    say("computed", f"{where.name}, {where.precision}")
    cut = sum(len(ids) >= window for ids in trainer.train_dataset["input_ids"])
    dropped = len(rows.train) - len(trainer.train_dataset)
    say("window", f"{window} tokens; {cut} rows fill it and may be cut there, {dropped} have no answer within it")


class _Sealing(TrainerCallback):
    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class _Telling(TrainerCallback):
    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            say("training", f"step {state.global_step} of {state.max_steps}, loss {float(logs['loss']):.3f}")
