"""One recipe: the export of its rows, the trainer's files about it, and a script that starts it"""

import shlex
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines.advice.memory import GB
from pipelines.export import REFUSED, export_format
from pipelines.recipes.facts import Facts, Target, gather
from pipelines.recipes.for_trl import folder_of
from pipelines.recipes.trainer import TASK, Trainer
from schemas.errors import UsageError
from schemas.outcome import Fate
from schemas.record import Kind
from schemas.report import Refused, Report

DATA = "data"
GATE = (
    "#!/usr/bin/env bash\n"
    "set -euo pipefail\n"
    'cd "$(dirname "$0")"\n'
    "# Stops here where the release does not hold what its policy demands, or was touched.\n"
    "assay gate {release}\n"
)


class Source(NamedTuple):
    """Where rows come from: the release's absolute path, its report, and its rows of one kind."""

    release: Path
    report: Report
    records: pl.DataFrame
    kind: Kind


class Written(NamedTuple):
    """`refused` are rows that the trainer's format does not take, `beside` those in files that the config does not
    name: TRL reads one folder, and rows that call tools have their own."""

    facts: Facts
    refused: list[Refused]
    beside: int


def write_recipe(source: Source, trainer: Trainer, target: Target, *, at: Path, out: Path) -> Written:
    """Write the recipe to the folder `at`, to be read in `out`. Raises UsageError where the format takes no row."""
    facts = gather(source.release, out / DATA, source.report, source.records, source.kind, target)
    data = at / DATA
    figures = export_format(source.records, trainer.export, out=data, max_tokens=facts.window.whole)
    beside = _beside(data, trainer, source.kind)
    train, validation = (_taken(source.records, data / REFUSED, fate) for fate in (Fate.TRAIN, Fate.VALIDATION))
    if not train:
        why = f": {figures.refusals[0].reason}" if figures.refusals else ""
        raise UsageError(f"--for {trainer.export} takes none of the {facts.rows:,} rows{why}; choose another trainer")
    facts = facts._replace(rows=train - beside, validation=validation)
    for name, text in {
        **trainer.files(facts, _head(facts, target.gpu), data),
        "train.sh": f"{GATE.format(release=shlex.quote(str(source.release)))}{trainer.commands[source.kind]}\n",
    }.items():
        (at / name).write_text(text, encoding="utf-8")
    (at / "train.sh").chmod(0o755)
    return Written(facts, figures.refusals, beside)


def _taken(records: pl.DataFrame, refused: Path, fate: Fate) -> int:
    wanted = int((records["split"] == fate.value).sum())
    if not refused.stat().st_size:
        return wanted
    return wanted - int((pl.read_ndjson(refused)["split"] == fate.value).sum())


def _beside(data: Path, trainer: Trainer, kind: Kind) -> int:
    """Rows to train on in a folder of their own that the config does not name."""
    tools = data / f"{TASK[kind]}_tools" / f"{Fate.TRAIN}.jsonl"
    if trainer.export != "trl" or not tools.is_file() or folder_of(TASK[kind], data) == tools.parent.name:
        return 0
    return int(pl.scan_ndjson(tools).select(pl.len()).collect().item())


def _head(facts: Facts, gpu: int) -> str:
    return (
        f"{facts.method.value} of {facts.model} on {gpu / GB:.0f} GB, by `assay recipe` from the release\n"
        f"{facts.release} (run {facts.run_id}).\n"
        "Start it with ./train.sh, which asks the gate first."
    )
