"""`assay recipe`: a trainer's config from a release's facts, its data beside it, and a script that asks the gate"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines._manifest import verify
from pipelines._released import scan_released
from pipelines.advice.memory import GB
from pipelines.advice.model_shape import ModelShape
from pipelines.export import export_format
from pipelines.gate import report_of
from pipelines.recipes import for_axolotl, for_litgpt, for_llama_factory, for_peft, for_trl
from pipelines.recipes.facts import Facts, gather
from schemas.errors import ReleaseError, UsageError

DATA = "data"


class Trainer(NamedTuple):
    """`export` is the format that it reads, `command` starts it in the recipe's folder."""

    export: str
    command: str
    files: Callable[[Facts, str, Path], dict[str, str]]


TRAINERS = {
    "trl": Trainer(for_trl.EXPORT, for_trl.COMMAND, for_trl.files),
    "peft": Trainer(for_peft.EXPORT, for_peft.COMMAND, for_peft.files),
    "axolotl": Trainer(for_axolotl.EXPORT, for_axolotl.COMMAND, for_axolotl.files),
    "llama-factory": Trainer(for_llama_factory.EXPORT, for_llama_factory.COMMAND, for_llama_factory.files),
    "litgpt": Trainer(for_litgpt.EXPORT, for_litgpt.COMMAND, for_litgpt.files),
}
"""By the name that `--for` takes."""


def recipe(release: Path, trainer: str, out: Path, model: str, shape: ModelShape, gpu: int) -> Facts:
    """Write the recipe to the folder `out`; `gpu` in bytes.

    Raises UsageError for an unknown trainer, a folder that is not empty or a model that does not fit, ReleaseError
    for a release that was altered.
    """
    if trainer not in TRAINERS:
        raise UsageError(f"--for {trainer!r}: known are {', '.join(TRAINERS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is not empty; choose a new folder for --out")
    verify(release)
    chosen, records = TRAINERS[trainer], _released(release)
    release, out = release.resolve(), out.resolve()
    data = out / DATA
    answered = records.filter(pl.col("kind").is_in(_FINETUNED))
    facts = gather(release, data, report_of(release), answered["n_tokens"].drop_nulls(), model, shape, gpu)
    export_format(answered, chosen.export, out=data, max_tokens=facts.window.whole)
    for name, text in {**chosen.files(facts, _head(facts, gpu), data), "train.sh": _script(facts, chosen)}.items():
        (out / name).write_text(text, encoding="utf-8")
    (out / "train.sh").chmod(0o755)
    return facts


# Preferences and labelled answers are for other trainers than the supervised one.
_FINETUNED = ("sft",)


def _released(release: Path) -> pl.DataFrame:
    try:
        return scan_released(release).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{release}: its records cannot be read; run `assay curate` again") from error


def _head(facts: Facts, gpu: int) -> str:
    return (
        f"{facts.method.value} of {facts.model} on {gpu / GB:.0f} GB, by `assay recipe` from the release\n"
        f"{facts.release} (run {facts.run_id}).\n"
        "Start it with ./train.sh, which asks the gate first."
    )


def _script(facts: Facts, trainer: Trainer) -> str:
    return (
        "#!/usr/bin/env bash\n"
        "set -euo pipefail\n"
        'cd "$(dirname "$0")"\n'
        "# Stops here where the release does not hold what its policy demands, or was touched.\n"
        f"assay gate {shlex.quote(str(facts.release))}\n"
        f"{trainer.command}\n"
    )
