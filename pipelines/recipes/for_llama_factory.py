"""LLaMA-Factory: `llamafactory-cli train sft.yaml`"""

from pathlib import Path

from pipelines.recipes.commented import Line, as_yaml
from pipelines.recipes.facts import Facts
from pipelines.recipes.training_arguments import training_arguments

EXPORT = "llama-factory"
COMMAND = "llamafactory-cli train sft.yaml"


def files(facts: Facts, head: str, data: Path) -> dict[str, str]:
    """The template is the one thing that only the user knows: LLaMA-Factory names them by model family."""
    looks = [
        Line("eval_dataset", "sft_validation"),
        Line("eval_strategy", "steps"),
        Line("eval_steps", facts.eval_steps.whole, facts.eval_steps.why),
        Line("per_device_eval_batch_size", facts.batch.whole),
    ]
    lines = [
        Line("model_name_or_path", facts.model),
        Line("stage", "sft"),
        Line("do_train", True),
        Line("finetuning_type", "lora"),
        *([Line("quantization_bit", 4, "LoRA on 16-bit weights does not fit")] if facts.quantised else []),
        Line("lora_rank", facts.rank.whole, facts.rank.why),
        Line("lora_alpha", facts.alpha.whole, facts.alpha.why),
        Line("lora_dropout", facts.dropout.value, facts.dropout.why),
        Line("lora_target", "all", "on all matrices of a layer, which QLoRA's paper needs"),
        Line("dataset_dir", str(data), "where the release's dataset_info.json is"),
        Line("dataset", "sft_train", f"{facts.rows:,} rows in the release"),
        *(looks if facts.validation and (data / "sft_validation.jsonl").is_file() else []),
        Line("template", "default", "set it to the model's family: llama3, qwen, mistral, gemma"),
        Line("cutoff_len", facts.window.whole, facts.window.why),
        Line("packing", facts.packing, facts.packing_why),
        Line("disable_gradient_checkpointing", not facts.checkpointing, facts.checkpointing_why),
        Line("warmup_ratio", facts.warmup.value, facts.warmup.why),
        *training_arguments(facts),
    ]
    return {"sft.yaml": as_yaml(lines, head)}
