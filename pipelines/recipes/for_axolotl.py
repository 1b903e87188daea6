"""Axolotl: `axolotl train` with sft.yaml or dpo.yaml; its KTO knows no chat template"""

from pathlib import Path

import yaml

from pipelines.recipes.commented import Line, as_yaml
from pipelines.recipes.facts import Facts
from pipelines.recipes.trainer import TASK, Trainer
from schemas.record import Kind


def files(facts: Facts, head: str, data: Path) -> dict[str, str]:
    """The export's own config says how its files are read; this one says how they are trained on."""
    task = TASK[facts.kind]
    lines = [
        Line("base_model", facts.model),
        Line("chat_template", "tokenizer_default", "the model's own"),
        Line("sequence_len", facts.window.whole, facts.window.why),
        *_learning(facts),
        Line("adapter", "qlora" if facts.quantised else "lora"),
        Line("load_in_4bit", facts.quantised),
        Line("lora_r", facts.rank.whole, facts.rank.why),
        Line("lora_alpha", facts.alpha.whole, facts.alpha.why),
        Line("lora_dropout", facts.dropout.value, facts.dropout.why),
        Line("lora_target_linear", True, "on all matrices of a layer, which QLoRA's paper needs"),
        Line("micro_batch_size", facts.batch.whole, facts.batch.why),
        Line("gradient_accumulation_steps", facts.accumulation.whole, facts.accumulation.why),
        Line("gradient_checkpointing", facts.checkpointing, facts.checkpointing_why),
        Line("num_epochs", facts.epochs.whole, facts.epochs.why),
        Line("optimizer", "adamw_torch"),
        Line("learning_rate", facts.learning_rate.value, facts.learning_rate.why),
        Line("lr_scheduler", "cosine"),
        Line("warmup_ratio", facts.warmup.value, facts.warmup.why),
        *([Line("eval_steps", facts.eval_steps.whole, facts.eval_steps.why)] if facts.validation else []),
        Line("bf16", "auto"),
        Line("logging_steps", 10),
        Line("saves_per_epoch", 1),
        Line("seed", facts.seed, "the release's"),
        Line("output_dir", "adapter"),
    ]
    return {f"{task}.yaml": as_yaml(lines, head) + _data(data / f"{task}.yaml", facts.data)}


def _learning(facts: Facts) -> list[Line]:
    if facts.kind != Kind.SFT:
        return [Line("rl", "dpo"), Line("rl_beta", facts.beta.value, facts.beta.why)]
    return [
        Line("sample_packing", facts.packing, facts.packing_why),
        Line("eval_sample_packing", False),
        Line("train_on_inputs", False, "the answers are learned, not the prompts"),
    ]


def _data(config: Path, data: Path) -> str:
    said = yaml.safe_load(config.read_text(encoding="utf-8"))
    placed = {
        key: [{**each, "path": str(data / each["path"])} for each in said[key]]
        for key in ("datasets", "test_datasets")
        if key in said
    }
    return "# The release's own splits.\n" + yaml.safe_dump(placed, sort_keys=False)


AXOLOTL = Trainer("axolotl", {kind: f"axolotl train {TASK[kind]}.yaml" for kind in (Kind.SFT, Kind.PREFERENCE)}, files)
