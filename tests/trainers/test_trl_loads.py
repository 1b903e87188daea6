"""TRL's own trainers prepare what we export for them, on the CPU, with a tiny random model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.trainer,
    pytest.mark.slow,
    # Warnings of torch, transformers and TRL about themselves are not ours to fix.
    pytest.mark.filterwarnings("ignore"),
]

TEMPLATE = (
    "{% if tools %}<|tools|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
    # As Llama 3.1 does: a key that is there must hold calls, so a null would stop it.
    "{% if 'tool_calls' in message %}"
    "{% if message.tool_calls | length < 1 %}{{ raise_exception('no calls') }}{% endif %}"
    "{% for call in message.tool_calls %}{{ call.function.name }}{{ call.function.arguments | tojson }}{% endfor %}"
    "{% endif %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """A byte-level tokenizer with a chat template, made here: nothing is downloaded."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = [f"<|{name}|>" for name in ("end", "pad", "tools", "system", "user", "assistant", "tool")]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*special, *letters])}
    bytes_of = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytes_of.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_of.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=bytes_of, eos_token="<|end|>", pad_token="<|pad|>")
    made.add_special_tokens({"additional_special_tokens": special[2:]})
    made.chat_template = TEMPLATE
    return made


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    size = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=1024, **size))


@pytest.fixture(scope="module")
def task(exported: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """A task's splits, loaded as TRL's scripts load them."""
    from datasets import load_dataset

    folder, _ = exported("trl")
    cache = str(tmp_path_factory.mktemp("cache"))

    def load(name: str) -> Any:
        files = {path.stem: str(path) for path in sorted((folder / name).glob("*.jsonl"))}
        return load_dataset("json", data_files=files, cache_dir=cache)

    return load


def settings(kind: type, out: Path, **more: Any) -> Any:
    quiet = {"report_to": "none", "disable_tqdm": True, "save_strategy": "no", "use_cpu": True, "bf16": False}
    return kind(output_dir=str(out), max_steps=1, per_device_train_batch_size=2, **quiet, **more)


def test_all_rows_load_as_conversations_and_their_number_is_ours(exported, task):
    from trl.data_utils import is_conversational

    _, figures = exported("trl")
    loaded = [task(name) for name in ("sft", "sft_tools", "dpo", "kto")]

    assert sum(part.num_rows for splits in loaded for part in splits.values()) == figures.rows
    assert all(is_conversational(row) for splits in loaded for part in splits.values() for row in part)


@pytest.mark.parametrize("name", ["sft", "sft_tools"])
def test_sft_trainer_prepares_every_row_and_takes_a_step(name, task, model, tokenizer, tmp_path):
    from trl import SFTConfig, SFTTrainer

    splits = task(name)
    trainer = SFTTrainer(
        model=model,
        args=settings(SFTConfig, tmp_path, max_length=None),
        train_dataset=splits["train"],
        eval_dataset=splits["validation"],
        processing_class=tokenizer,
    )
    texts = [tokenizer.decode(row["input_ids"]) for row in trainer.train_dataset]
    asked = [row["messages"][-1]["content"] for row in splits["train"]]

    assert len(texts) == splits["train"].num_rows
    assert all(answer in text for answer, text in zip(asked, texts, strict=True))
    assert trainer.train().global_step == 1


def test_calls_and_tools_reach_the_template_as_written(task, tokenizer):
    rows = [row for part in task("sft_tools").values() for row in part]
    texts = [
        tokenizer.apply_chat_template(row["messages"], tools=json.loads(row["tools"]), tokenize=False) for row in rows
    ]

    assert sum('add{"a": 1}<|end|><|tool|>2' in text for text in texts) == 1
    assert sum('say{"text": "Hi"}' in text for text in texts) == 1
    assert all('<|tools|>[{"type": "function"' in text for text in texts)


def test_dpo_trainer_prepares_prompt_and_answers_apart(task, model, tokenizer, tmp_path):
    from trl import DPOConfig, DPOTrainer

    splits = task("dpo")
    trainer = DPOTrainer(
        model=model,
        ref_model=model.__class__(model.config),
        args=settings(DPOConfig, tmp_path),
        train_dataset=splits["train"],
        processing_class=tokenizer,
    )
    row = trainer.train_dataset[0]

    assert len(trainer.train_dataset) == splits["train"].num_rows
    assert tokenizer.decode(row["prompt_ids"]).endswith("even?<|end|><|assistant|>")
    assert tokenizer.decode(row["chosen_ids"]) == "Yes.<|end|>"
    assert tokenizer.decode(row["rejected_ids"]) == "Perhaps, who knows.<|end|>"
    assert trainer.train().global_step == 1


def test_kto_trainer_prepares_labelled_completions(task, model, tokenizer, tmp_path):
    from trl import KTOConfig, KTOTrainer

    splits = task("kto")
    trainer = KTOTrainer(
        model=model,
        ref_model=model.__class__(model.config),
        args=settings(KTOConfig, tmp_path),
        train_dataset=splits["train"],
        processing_class=tokenizer,
    )

    assert len(trainer.train_dataset) == splits["train"].num_rows
    assert set(trainer.train_dataset["label"]) == set(splits["train"]["label"])
