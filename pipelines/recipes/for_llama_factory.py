"""LLaMA-Factory: `llamafactory-cli train` with sft.yaml, dpo.yaml or kto.yaml"""

from pathlib import Path

from pipelines.recipes.commented import Line, as_yaml
from pipelines.recipes.facts import Facts
from pipelines.recipes.trainer import TASK, Trainer
from pipelines.recipes.training_arguments import training_arguments
from schemas.record import Kind


def files(facts: Facts, head: str, data: Path) -> dict[str, str]:
    """The template is the one thing that only the user knows: LLaMA-Factory names them by model family."""
    task = TASK[facts.kind]
    looks = [
        Line("eval_dataset", f"{task}_validation"),
        Line("eval_strategy", "steps"),
        Line("eval_steps", facts.eval_steps.whole, facts.eval_steps.why),
        Line("per_device_eval_batch_size", facts.batch.whole),
    ]
    lines = [
        Line("model_name_or_path", facts.model),
        Line("stage", task),
        Line("do_train", True),
        Line("finetuning_type", "lora"),
        *([Line("quantization_bit", 4, "LoRA on 16-bit weights does not fit")] if facts.quantised else []),
        Line("lora_rank", facts.rank.whole, facts.rank.why),
        Line("lora_alpha", facts.alpha.whole, facts.alpha.why),
        Line("lora_dropout", facts.dropout.value, facts.dropout.why),
        Line("lora_target", "all", "on all matrices of a layer, which QLoRA's paper needs"),
        Line("dataset_dir", str(facts.data), "where the release's dataset_info.json is"),
        Line("dataset", f"{task}_train", f"{facts.rows:,} rows"),
        *(looks if (data / f"{task}_validation.jsonl").is_file() else []),
        Line("template", "default", "set it to the model's family: llama3, qwen, mistral, gemma"),
        Line("cutoff_len", facts.window.whole, facts.window.why),
        *_learning(facts),
        Line("disable_gradient_checkpointing", not facts.checkpointing, facts.checkpointing_why),
        Line("warmup_ratio", facts.warmup.value, facts.warmup.why),
        *training_arguments(facts),
    ]
    return {f"{task}.yaml": as_yaml(lines, head)}


def _learning(facts: Facts) -> list[Line]:
    if facts.kind == Kind.SFT:
        return [Line("packing", facts.packing, facts.packing_why)]
    beta = Line("pref_beta", facts.beta.value, facts.beta.why)
    if facts.balance is None:
        return [beta, Line("pref_loss", "sigmoid", "DPO's own")]
    return [
        beta,
        Line("kto_chosen_weight", facts.balance.wanted, facts.balance.why),
        Line("kto_rejected_weight", facts.balance.unwanted),
    ]


LLAMA_FACTORY = Trainer(
    "llama-factory", {kind: f"llamafactory-cli train {task}.yaml" for kind, task in TASK.items()}, files
)
