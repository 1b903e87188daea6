"""LitGPT: `litgpt finetune_lora --config sft.yaml`, read by its own command line"""

from pathlib import Path

from pipelines.recipes.commented import Line, as_yaml
from pipelines.recipes.facts import Facts
from pipelines.recipes.trainer import Trainer
from schemas.record import Kind


def files(facts: Facts, head: str, data: Path) -> dict[str, str]:
    """`checkpoint_dir` is what `litgpt download` or `convert_to_litgpt` made of the model."""
    module = [
        Line("class_path", "litgpt.data.JSON"),
        Line(
            "init_args",
            [
                Line("json_path", str(facts.data), "the release's train.json and val.json"),
                Line("mask_prompt", True, "the answers are learned, not the prompts"),
                Line("seed", facts.seed, "the release's"),
            ],
        ),
    ]
    train = [
        Line("global_batch_size", facts.batch.whole * facts.accumulation.whole, facts.accumulation.why),
        Line("micro_batch_size", facts.batch.whole, facts.batch.why),
        Line("epochs", facts.epochs.whole, facts.epochs.why),
        Line("max_seq_length", facts.window.whole, facts.window.why),
        Line("lr_warmup_steps", 100, "LitGPT's own"),
    ]
    optimizer = [
        Line("class_path", "torch.optim.AdamW"),
        Line("init_args", [Line("lr", facts.learning_rate.value, facts.learning_rate.why)]),
    ]
    each = ("query", "key", "value", "projection", "mlp")
    lines = [
        Line("checkpoint_dir", facts.model),
        Line("out_dir", "adapter"),
        Line("precision", "bf16-true"),
        *([Line("quantize", "nf4-dq", "LoRA on 16-bit weights does not fit")] if facts.quantised else []),
        Line("lora_r", facts.rank.whole, facts.rank.why),
        Line("lora_alpha", facts.alpha.whole, facts.alpha.why),
        Line("lora_dropout", facts.dropout.value, facts.dropout.why),
        *(Line(f"lora_{part}", True) for part in each),
        Line("data", module),
        Line("train", train),
        Line("eval", [Line("interval", facts.eval_steps.whole, facts.eval_steps.why)]),
        Line("optimizer", optimizer),
        Line("seed", facts.seed, "the release's"),
    ]
    return {"sft.yaml": as_yaml(lines, head)}


LITGPT = Trainer("litgpt", {Kind.SFT: "litgpt finetune_lora --config sft.yaml"}, files, adapter=None)
