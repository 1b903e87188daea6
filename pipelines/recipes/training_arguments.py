"""What TRL and LLaMA-Factory pass on to transformers' TrainingArguments, by its names"""

from pipelines.recipes.commented import Line
from pipelines.recipes.facts import Facts


def training_arguments(facts: Facts) -> list[Line]:
    """Those that both call the same."""
    return [
        Line("per_device_train_batch_size", facts.batch.whole, facts.batch.why),
        Line("gradient_accumulation_steps", facts.accumulation.whole, facts.accumulation.why),
        Line("learning_rate", facts.learning_rate.value, facts.learning_rate.why),
        Line("lr_scheduler_type", "cosine"),
        Line("num_train_epochs", facts.epochs.whole, facts.epochs.why),
        Line("bf16", True),
        Line("logging_steps", 10),
        Line("save_strategy", "epoch"),
        Line("seed", facts.seed, "the release's"),
        Line("output_dir", "adapter"),
    ]
