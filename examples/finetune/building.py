"""TRL's SFTTrainer for a release's rows: the base model, LoRA's matrices beside it, the schedule, the checkpoints."""

import math
from pathlib import Path
from typing import Any

from datasets import Dataset
from jinja2 import TemplateError
from options import Options
from peft import LoraConfig
from place import Place
from resuming import CHECKPOINTS, seal
from rows import Message, Rows
from say import say
from template import marked_template
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer
from weights import load

from pipelines.advice.effort import epochs_for
from schemas.errors import ModelError

# Looks at the loss of the training rows, over the whole training.
_LOOKS = 20


def build(options: Options, rows: Rows, window: int, where: Place) -> SFTTrainer:
    """Raises ModelError for a model that is not there, or whose chat template stops at a row."""
    model, tokenizer = load(options.model, where.precision)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    template = marked_template(tokenizer)
    tokenizer.chat_template = template or tokenizer.chat_template
    datasets = {
        split: _dataset(some, marked=template is not None)
        for split, some in (
            ("train", rows.train),
            ("validation", rows.validation[: options.held_out]),
            ("test", rows.test[: options.held_out]),
        )
        if some
    }
    # The adapter's first matrices are drawn when the trainer is made; they are of 32 bits wherever it is.
    set_seed(options.seed)
    try:
        trainer = SFTTrainer(
            model=model,
            args=_arguments(options, len(rows.train), window, where, marked=template is not None),
            train_dataset=datasets.pop("train"),
            eval_dataset=datasets,
            processing_class=tokenizer,
            peft_config=_adapter(options),
            callbacks=[_Sealing(), _Telling()],
        )
    except TemplateError as error:
        raise ModelError(
            f"{options.model}: its chat template stops at a row ({error}); `assay curate --target` says at which"
        ) from error
    # It prints what _Telling says, as dicts.
    trainer.remove_callback(PrinterCallback)
    return trainer


def _adapter(options: Options) -> LoraConfig:
    return LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _arguments(options: Options, rows: int, window: int, where: Place, *, marked: bool) -> SFTConfig:
    most = options.at_once or where.rows
    at_once = max(size for size in range(1, most + 1) if options.batch % size == 0)
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
        logging_steps=max(1, steps // _LOOKS),
        report_to="none",
        disable_tqdm=True,
    )


def _dataset(conversations: list[list[Message]], *, marked: bool) -> Dataset:
    if marked:
        return Dataset.from_list([{"messages": turns} for turns in conversations])
    return Dataset.from_list([{"prompt": turns[:-1], "completion": turns[-1:]} for turns in conversations])


class _Sealing(TrainerCallback):
    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class _Telling(TrainerCallback):
    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            say("training", f"step {state.global_step} of {state.max_steps}, loss {float(logs['loss']):.3f}")
