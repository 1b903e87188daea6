"""TRL: `trl sft`, `trl dpo` or `trl kto` with `--config`, read by its own TrlParser"""

from pathlib import Path

from pipelines.recipes.commented import Line, as_yaml
from pipelines.recipes.facts import Facts
from pipelines.recipes.trainer import TASK, Trainer
from pipelines.recipes.training_arguments import training_arguments
from schemas.outcome import Fate
from schemas.record import Kind


def folder_of(task: str, data: Path) -> str:
    """The export's folder that is trained on: that of plain rows, or that of rows with tools where all have them."""
    return task if (data / task / f"{Fate.TRAIN}.jsonl").is_file() else f"{task}_tools"


def files(facts: Facts, head: str, data: Path) -> dict[str, str]:
    """One config, named by what is learned."""
    task = TASK[facts.kind]
    folder = folder_of(task, data)
    looks = [
        Line("eval_strategy", "steps"),
        Line("eval_steps", facts.eval_steps.whole, facts.eval_steps.why),
        Line("per_device_eval_batch_size", facts.batch.whole),
        Line("dataset_test_split", "validation"),
    ]
    looked = (data / folder / f"{Fate.VALIDATION}.jsonl").is_file()
    lines = [
        Line("model_name_or_path", facts.model),
        Line("dtype", "bfloat16"),
        Line("dataset_name", str(facts.data / folder), "the release's own splits"),
        Line("dataset_train_split", "train", f"{facts.rows:,} rows"),
        *(looks if looked else [Line("eval_strategy", "no", "there are no validation rows")]),
        Line("max_length", facts.window.whole, facts.window.why),
        *_learning(facts),
        Line("use_peft", True),
        *(_QUANTISED if facts.quantised else []),
        Line("lora_r", facts.rank.whole, facts.rank.why),
        Line("lora_alpha", facts.alpha.whole, facts.alpha.why),
        Line("lora_dropout", facts.dropout.value, facts.dropout.why),
        Line("lora_target_modules", "all-linear", "on all matrices of a layer, which QLoRA's paper needs"),
        Line("gradient_checkpointing", facts.checkpointing, facts.checkpointing_why),
        Line("warmup_steps", facts.warmup.value, f"a share of all steps, {facts.warmup.why}"),
        *training_arguments(facts),
    ]
    return {f"{task}.yaml": as_yaml(lines, head)}


_QUANTISED = [
    Line("load_in_4bit", True, "LoRA on 16-bit weights does not fit"),
    Line("bnb_4bit_quant_type", "nf4"),
    Line("use_bnb_nested_quant", True, "saves 0.37 bits a weight (QLoRA, section 3)"),
]


def _learning(facts: Facts) -> list[Line]:
    if facts.kind == Kind.SFT:
        return [Line("packing", facts.packing, facts.packing_why)]
    beta = Line("beta", facts.beta.value, facts.beta.why)
    if facts.balance is None:
        return [beta]
    return [
        beta,
        Line("desirable_weight", facts.balance.wanted, facts.balance.why),
        Line("undesirable_weight", facts.balance.unwanted),
    ]


TRL = Trainer("trl", {kind: f"trl {task} --config {task}.yaml" for kind, task in TASK.items()}, files)
