"""What `assay recipe` wrote, told: what is in it, and every row that is not."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines._shown import one_line, plural
from pipelines.recipe import TRAINERS, Recipe, Recipes
from pipelines.recipes.one import Written
from pipelines.recipes.several import Several


def recipe_lines(made: Recipe, trainer: str, out: Path) -> Iterator[str]:
    """Of one."""
    facts = made.written.facts
    yield f"recipe      {out}: {facts.method.value} for {trainer}, {facts.rows:,} rows, window {facts.window.whole}"
    yield from _not_in_it(made.written)
    yield from _of_other_kinds(made.aside)
    yield f"start       {out / 'train.sh'}, which asks the gate, then runs {TRAINERS[trainer].commands[facts.kind]}"


def recipes_lines(made: Recipes, trainer: str, out: Path) -> Iterator[str]:
    """Of several."""
    several = made.several
    yield f"recipes     {out}: {plural(len(several.adapters), 'adapter')} for {trainer}"
    for name, written in several.adapters.items():
        facts = written.facts
        others = f", of {_values(several.values[name])}" if len(several.values[name]) > 1 else ""
        yield f"adapter     {name}: {facts.method.value}, {facts.rows:,} rows{others}, window {facts.window.whole}"
        yield from _not_in_it(written)
    for left in several.left_out:
        yield f"left out    {_values(left.values)}: {plural(left.rows, 'row')}; {one_line(left.why, 200)}"
    yield from _of_other_kinds(made.aside)
    yield f"start       {out / 'train.sh'}, which asks the gate, then trains each that is not trained yet"
    yield from _together(several, trainer, out)


def _together(several: Several, trainer: str, out: Path) -> Iterator[str]:
    ways = [Path(name).stem for name in several.files if name.startswith("merge/") and name.endswith(".yaml")]
    if not ways:
        yield f"together    {trainer} keeps adapters in a form of its own, which neither mergekit nor vLLM reads"
        return
    yield f"merge       {out / 'merge' / 'merge.sh'} WAY, one of {', '.join(ways)}"
    if "passthrough" not in ways:
        yield "            no passthrough: a stack needs the true number of layers, and --model is no folder"
    if "slerp" not in ways:
        yield "            no slerp: it takes two models"
    yield f"serve       {out / 'serve' / 'vllm.sh'}: all of them on one base"


def _values(values: list[str | None]) -> str:
    shown = ", ".join("no value" if value is None else one_line(value, 60) for value in values[:5])
    return shown + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def _not_in_it(written: Written) -> Iterator[str]:
    for refusal in written.refused:
        yield f"            {plural(refusal.rows, 'row')} refused by the format: {refusal.reason}"
    if written.beside:
        rows = plural(written.beside, "row")
        yield f"            {rows} that call tools lie beside in data/: the config names one folder"


def _of_other_kinds(others: Mapping[str, int]) -> Iterator[str]:
    for kind, rows in others.items():
        yield f"aside       {rows:,} {kind} {'row' if rows == 1 else 'rows'} of the release: --kind {kind} takes them"


def told(made: Recipe | Recipes, out: Path) -> dict[str, Any]:
    """The same for a machine."""
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    if isinstance(made, Recipe):
        return {"out": str(out), **_figures(made.written), "aside": dict(made.aside), "files": files}
    several = made.several
    adapters = {
        name: {"values": several.values[name], **_figures(written)} for name, written in several.adapters.items()
    }
    left_out = [left._asdict() for left in several.left_out]
    return {"out": str(out), "adapters": adapters, "left_out": left_out, "aside": dict(made.aside), "files": files}


def _figures(written: Written) -> dict[str, Any]:
    facts = written.facts
    return {
        "method": facts.method.value, "kind": facts.kind.value, "rows": facts.rows, "validation": facts.validation,
        "refused": {refusal.reason: refusal.rows for refusal in written.refused}, "rows_beside": written.beside,
    }  # fmt: skip
