"""TRL: `trl sft --config sft.yaml`, read by its own TrlParser"""

from pathlib import Path

from pipelines.recipes.commented import Line, as_yaml
from pipelines.recipes.facts import Facts
from pipelines.recipes.training_arguments import training_arguments

EXPORT = "trl"
COMMAND = "trl sft --config sft.yaml"


def files(facts: Facts, head: str, data: Path) -> dict[str, str]:
    """`data` is the folder of the export."""
    looks = [
        Line("eval_strategy", "steps"),
        Line("eval_steps", facts.eval_steps.whole, facts.eval_steps.why),
        Line("dataset_test_split", "validation"),
    ]
    quantised = [
        Line("load_in_4bit", True, "LoRA on 16-bit weights does not fit"),
        Line("bnb_4bit_quant_type", "nf4"),
        Line("use_bnb_nested_quant", True, "saves 0.37 bits a weight (QLoRA, section 3)"),
    ]
    lines = [
        Line("model_name_or_path", facts.model),
        Line("dtype", "bfloat16"),
        Line("dataset_name", str(data / "sft"), "the release's own splits"),
        Line("dataset_train_split", "train", f"{facts.rows:,} rows in the release"),
        *(looks if facts.validation else [Line("eval_strategy", "no", "the release has no validation rows")]),
        Line("max_length", facts.window.whole, facts.window.why),
        Line("packing", facts.packing, facts.packing_why),
        Line("use_peft", True),
        *(quantised if facts.quantised else []),
        Line("lora_r", facts.rank.whole, facts.rank.why),
        Line("lora_alpha", facts.alpha.whole, facts.alpha.why),
        Line("lora_dropout", facts.dropout.value, facts.dropout.why),
        Line("lora_target_modules", "all-linear", "on all matrices of a layer, which QLoRA's paper needs"),
        Line("gradient_checkpointing", facts.checkpointing, facts.checkpointing_why),
        Line("warmup_steps", facts.warmup.value, f"a share of all steps, {facts.warmup.why}"),
        *training_arguments(facts),
    ]
    return {"sft.yaml": as_yaml(lines, head)}
