"""PEFT: a LoraConfig as its library reads it, and a script that trains with it"""

import json
from pathlib import Path

from pipelines.recipes.facts import Facts
from pipelines.recipes.for_trl import folder_of
from pipelines.recipes.trainer import Trainer
from schemas.outcome import Fate
from schemas.record import Kind

_SCRIPT = Path(__file__).with_name("peft_train.py.txt")


def files(facts: Facts, head: str, data: Path) -> dict[str, str]:
    """JSON has no comments, so the reasons stand in the script, which holds all numbers but the adapter's."""
    adapter = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": facts.model, "r": facts.rank.whole,
        "lora_alpha": facts.alpha.whole, "lora_dropout": facts.dropout.value, "target_modules": "all-linear",
    }  # fmt: skip
    folder = folder_of("sft", data)
    looked = (data / folder / f"{Fate.VALIDATION}.jsonl").is_file()
    settings = [
        ("per_device_train_batch_size", facts.batch.whole, facts.batch.why),
        ("gradient_accumulation_steps", facts.accumulation.whole, facts.accumulation.why),
        ("gradient_checkpointing", facts.checkpointing, facts.checkpointing_why),
        ("learning_rate", facts.learning_rate.value, facts.learning_rate.why),
        ("num_train_epochs", facts.epochs.whole, facts.epochs.why),
        ("warmup_steps", facts.warmup.value, f"a share of all steps, {facts.warmup.why}"),
        ("eval_steps", facts.eval_steps.whole, facts.eval_steps.why),
        ("eval_strategy", "steps" if looked else "no", f"{facts.validation:,} validation rows"),
        ("seed", facts.seed, "the release's"),
    ]
    script = _SCRIPT.read_text(encoding="utf-8")
    said = {
        "HEAD": "".join(f"# {line}\n" for line in head.splitlines()),
        "RELEASE": repr(str(facts.release)),
        "DATA": repr(str(facts.data / folder)),
        "MODEL": repr(facts.model),
        "WINDOW": f"{facts.window.whole}  # {facts.window.why}",
        "QUANTISED": repr(facts.quantised),
        "SETTINGS": "".join(f"    {key}={value!r},  # {why}\n" for key, value, why in settings),
        "ADAPTER": "".join(
            f"# {key}: {why}\n"
            for key, why in (("r", facts.rank.why), ("alpha", facts.alpha.why), ("dropout", facts.dropout.why))
        ),
    }
    for name, text in said.items():
        script = script.replace(f"@{name}@", text)
    return {"adapter_config.json": json.dumps(adapter, indent=2) + "\n", "train.py": script}


PEFT = Trainer("trl", {Kind.SFT: "python train.py"}, files)
