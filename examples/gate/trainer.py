"""A Hugging Face Trainer that refuses to start: python trainer.py RELEASE OUTPUT [POLICY].

The model is tiny and drawn at random and its tokens are bytes, so that the example needs no download and ends in
seconds; what matters is the one line with the callback.
"""

import json
import sys
from pathlib import Path

from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from pipelines.trainer_gate import GateCallback
from schemas.errors import AssayError

LENGTH = 64


def rows(release: Path) -> list[dict[str, list[int]]]:
    """The first training rows, as bytes."""
    with (release / "splits" / "train.jsonl").open(encoding="utf-8") as file:
        texts = [" ".join(turn["content"] for turn in json.loads(line)["messages"]) for line in file][:8]
    cut = [list(text.encode()[:LENGTH].ljust(LENGTH)) for text in texts]
    return [{"input_ids": row, "labels": row} for row in cut]


def make_trainer(release: Path, out: Path, policy: str | None = None) -> Trainer:
    """A Trainer that trains on the release, if the gate lets it."""
    model = GPT2LMHeadModel(GPT2Config(vocab_size=256, n_positions=LENGTH, n_embd=16, n_layer=1, n_head=2))
    arguments = TrainingArguments(
        str(out), max_steps=2, per_device_train_batch_size=2, report_to=[], save_strategy="no", use_cpu=True,
        disable_tqdm=True, logging_strategy="no", dataloader_pin_memory=False,
    )  # fmt: skip
    return Trainer(model, arguments, train_dataset=rows(release), callbacks=[GateCallback(release, policy)])


if __name__ == "__main__":
    release, out, *policy = sys.argv[1:]
    trainer = make_trainer(Path(release), Path(out), *policy)
    try:
        trainer.train()
    except AssayError as error:
        print(f"not trained: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    print(f"trained {trainer.state.global_step} steps")
