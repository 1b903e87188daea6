"""Several adapters on one base: a recipe each, and what trains, merges and serves them together"""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipelines._each import Part, names, parts
from pipelines._shown import plural
from pipelines.recipes.facts import Target
from pipelines.recipes.merging import Adapter, merge_files
from pipelines.recipes.one import GATE, Source, Written, write_recipe
from pipelines.recipes.serving import serve_files
from pipelines.recipes.trainer import Trainer
from schemas.errors import UsageError
from schemas.outcome import Fate

ADAPTERS = "adapters"
REST = "rest"


class Group(NamedTuple):
    """The rows of one adapter, and the values that they have."""

    name: str
    values: list[str | None]
    records: pl.DataFrame


class LeftOut(NamedTuple):
    """Values whose rows no adapter is trained on. `rows` are those to train on."""

    values: list[str | None]
    rows: int
    why: str


class Grouped(NamedTuple):
    """Each record is in one of them."""

    groups: list[Group]
    left_out: list[LeftOut]


class Several(NamedTuple):
    """`adapters` by name, in that order."""

    adapters: dict[str, Written]
    values: dict[str, list[str | None]]
    left_out: list[LeftOut]
    files: list[str]  # of merge/ and serve/


def grouped(records: pl.DataFrame, by: str, least: int) -> Grouped:
    """A group for each value of `by` with `least` rows to train on; the others are one, the rest, or left out."""
    apart = parts(records, by)
    large = [part for part in apart if _trained(part.records) >= least]
    small = [part for part in apart if _trained(part.records) < least]
    groups = [Group(part.name, [part.value], part.records) for part in large]
    left_out = []
    if small:
        rest = pl.concat([part.records for part in small])
        if _trained(rest) >= least:
            groups.append(Group(_rest(large), [part.value for part in small], rest))
        else:
            left_out = [LeftOut([part.value], _trained(part.records), f"fewer than {least:,}") for part in small]
    return Grouped(groups, left_out)


def _rest(large: list[Part]) -> str:
    return names([REST], taken=[part.name for part in large])[0]


def _trained(records: pl.DataFrame) -> int:
    return int((records["split"] == Fate.TRAIN.value).sum())


def write_several(
    source: Source, trainer: Trainer, target: Target, by: str, least: int, *, at: Path, out: Path
) -> Several:
    """Write the folder `at`, to be read in `out`. Raises UsageError where fewer than two adapters come of it."""
    groups, left_out = grouped(source.records, by, least)
    written: dict[str, Written] = {}
    if len(groups) >= 2:
        for group in groups:
            folder = at / ADAPTERS / group.name
            folder.mkdir(parents=True)
            mine = source._replace(records=group.records)
            try:
                written[group.name] = write_recipe(mine, trainer, target, at=folder, out=out / ADAPTERS / group.name)
            except UsageError as error:
                shutil.rmtree(folder)
                left_out.append(LeftOut(group.values, _trained(group.records), str(error)))
    if len(written) < 2:
        raise UsageError(_too_few(by, least, written, left_out, groups))
    values = {group.name: group.values for group in groups if group.name in written}
    told = Several(written, values, left_out, [])
    files = _together(told, source, trainer, target, by, out)
    for name, text in files.items():
        path = at / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".sh":
            path.chmod(0o755)
    return told._replace(files=sorted(name for name in files if "/" in name))


def _too_few(by: str, least: int, written: dict[str, Written], left_out: list[LeftOut], groups: list[Group]) -> str:
    one = next(iter(written), groups[0].name if groups else None)
    others = ", ".join(f"{each.values[0]} {each.rows:,} ({each.why})" for each in left_out[:5])
    having = f"only {one} would have an adapter" if one else "no adapter would come of it"
    return (
        f"--each {by}: {having}" + (f"; {others}" if others else "") + ": name a smaller --least-rows than "
        f"{plural(least, 'row')}, or leave --each out for one adapter on all rows"
    )


def _together(told: Several, source: Source, trainer: Trainer, target: Target, by: str, out: Path) -> dict[str, str]:
    files = {"train.sh": _script(told, source, trainer), "adapters.json": _listed(told, source, trainer, target, by)}
    if trainer.adapter is None:
        return files
    adapters = [
        Adapter(name, out / ADAPTERS / name / trainer.adapter, each.facts.rank.whole, each.facts.rows)
        for name, each in told.adapters.items()
    ]
    return {
        **files,
        **merge_files(adapters, target, source.report.run.seed),
        **serve_files(adapters, target.model),
    }


def _script(told: Several, source: Source, trainer: Trainer) -> str:
    command = trainer.commands[source.kind]
    return (
        f"{GATE.format(release=shlex.quote(str(source.release)))}"
        "# Trains one adapter; what was trained to its end before is passed over.\n"
        "train() {\n"
        f'    if [ -e "{ADAPTERS}/$1/done" ]; then echo "$1: is trained"; return; fi\n'
        '    echo "$1"\n'
        f'    (cd "{ADAPTERS}/$1" && {command} && touch done)\n'
        "}\n"
        "\n" + "".join(f"train {shlex.quote(name)}\n" for name in told.adapters)
    )


def _listed(told: Several, source: Source, trainer: Trainer, target: Target, by: str) -> str:
    adapters: list[dict[str, Any]] = [
        {
            "name": name, by: told.values[name], "rows": each.facts.rows, "validation": each.facts.validation,
            "method": each.facts.method.value, "rank": each.facts.rank.whole,
            "refused": sum(refusal.rows for refusal in each.refused), "rows_beside": each.beside,
        }
        for name, each in told.adapters.items()
    ]  # fmt: skip
    content = {
        "release": str(source.release), "run_id": source.report.run.run_id, "model": target.model,
        "trainer": trainer.export, "each": by, "adapters": adapters,
        "left_out": [{by: each.values, "rows": each.rows, "why": each.why} for each in told.left_out],
    }  # fmt: skip
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
