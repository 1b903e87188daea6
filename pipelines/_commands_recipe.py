"""`assay recipe`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines._commands import Json


def recipe(
    release: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, as --out named it.")],
    trainer: Annotated[str, typer.Option("--for", help="trl, peft, axolotl, llama-factory or litgpt.")],
    model: Annotated[str, typer.Option(help="The model's folder, or its name and --params.")],
    gpu_memory: Annotated[str, typer.Option(help="The GPU's memory, such as 24GB.")],
    out: Annotated[Path, typer.Option(help="A new folder for the recipe.")],
    params: Annotated[str | None, typer.Option(help="The model's parameters, where it is no folder: 7B.")] = None,
    json: Json = False,
) -> None:
    """Write a training config from this release: every number with its reason, the data beside it, the gate first."""
    from json import dumps

    from pipelines.advice.effort import gigabytes_named
    from pipelines.advice.memory import GB
    from pipelines.advice.model_shape import guessed_shape, parameters_named, shape_of
    from pipelines.recipe import TRAINERS
    from pipelines.recipe import recipe as write

    shape = guessed_shape(parameters_named(params)) if params else shape_of(Path(model))
    named = str(Path(model).resolve()) if Path(model).exists() else model
    facts = write(release, trainer, out, named, shape, round(gigabytes_named(gpu_memory) * GB))
    if json:
        typer.echo(dumps({"out": str(out), "method": facts.method.value, "files": sorted(_files(out))}, indent=2))
        return
    typer.echo(
        f"recipe      {out}: {facts.method.value} for {trainer}, {facts.rows:,} rows, window {facts.window.whole}"
    )
    typer.echo(f"start       {out / 'train.sh'}, which asks the gate, then runs {TRAINERS[trainer].command}")


def _files(out: Path) -> list[str]:
    return [path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()]
