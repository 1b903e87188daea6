"""`assay recipe`: a trainer's config from a release's facts, its data beside it, and a script that asks the gate"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines._aside import aside
from pipelines._manifest import verify
from pipelines._released import scan_released
from pipelines.gate import report_of
from pipelines.recipes.facts import Target
from pipelines.recipes.for_axolotl import AXOLOTL
from pipelines.recipes.for_litgpt import LITGPT
from pipelines.recipes.for_llama_factory import LLAMA_FACTORY
from pipelines.recipes.for_peft import PEFT
from pipelines.recipes.for_trl import TRL
from pipelines.recipes.learned import KINDS, learned
from pipelines.recipes.one import Source, Written, write_recipe
from pipelines.recipes.several import Several, write_several
from pipelines.recipes.trainer import Trainer
from schemas.errors import ReleaseError, UsageError
from schemas.record import Kind

TRAINERS = {"trl": TRL, "peft": PEFT, "axolotl": AXOLOTL, "llama-factory": LLAMA_FACTORY, "litgpt": LITGPT}
"""By the name that `--for` takes."""


class Recipe(NamedTuple):
    """What was written, and the released rows of other kinds, which it has not."""

    written: Written
    aside: Mapping[str, int]


class Recipes(NamedTuple):
    """The same for several adapters."""

    several: Several
    aside: Mapping[str, int]


def recipe(release: Path, trainer: str, out: Path, target: Target, *, kind: str | None = None) -> Recipe:
    """Write the recipe to the folder `out`, for rows of `kind` (by learned.KINDS), or of what most are.

    Raises UsageError for an unknown trainer or kind, a trainer that cannot learn from it, a folder that is not empty
    or a model that does not fit, ReleaseError for a release that was altered.
    """
    with _prepared(release, trainer, out, kind) as (source, at, others):
        return Recipe(write_recipe(source, TRAINERS[trainer], target, at=at, out=out.resolve()), others)


def recipes(
    release: Path, trainer: str, out: Path, target: Target, *, by: str, least: int, kind: str | None = None
) -> Recipes:
    """An adapter for each value of `by` (_each.EACH) with `least` rows to train on. Raises as `recipe` does."""
    with _prepared(release, trainer, out, kind) as (source, at, others):
        made = write_several(source, TRAINERS[trainer], target, by, least, at=at, out=out.resolve())
        return Recipes(made, others)


@contextmanager
def _prepared(
    release: Path, trainer: str, out: Path, kind: str | None
) -> Iterator[tuple[Source, Path, Mapping[str, int]]]:
    """The rows, and a folder that takes the place of `out` at the end."""
    if trainer not in TRAINERS:
        raise UsageError(f"--for {trainer!r}: known are {', '.join(TRAINERS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is not empty; choose a new folder for --out")
    verify(release)
    found = learned(_released(release), kind)
    _refuse_unlearnable(trainer, TRAINERS[trainer], found.kind)
    with aside(out.resolve()) as at:
        yield Source(release.resolve(), report_of(release), found.records, found.kind), at, found.aside


def _refuse_unlearnable(name: str, trainer: Trainer, kind: Kind) -> None:
    if kind in trainer.commands:
        return
    said = next(known for known, each in KINDS.items() if each == kind)
    able = ", ".join(other for other, each in TRAINERS.items() if kind in each.commands)
    raise UsageError(
        f"--for {name} cannot learn from {said} rows, which these are; {able} can, or --kind takes rows of another kind"
    )


def _released(release: Path) -> pl.DataFrame:
    try:
        return scan_released(release).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{release}: its records cannot be read; run `assay curate` again") from error
