"""`assay recipe`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines._commands import Json
from schemas.errors import UsageError

if TYPE_CHECKING:
    from pipelines.recipe import Recipe, Recipes


def recipe(
    release: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, as --out named it.")],
    trainer: Annotated[str, typer.Option("--for", help="trl, peft, axolotl, llama-factory or litgpt.")],
    model: Annotated[str, typer.Option(help="The model's folder, or its name and --params.")],
    gpu_memory: Annotated[str, typer.Option(help="The GPU's memory, such as 24GB.")],
    out: Annotated[Path, typer.Option(help="A new folder for the recipe.")],
    params: Annotated[str | None, typer.Option(help="The model's parameters, where it is no folder: 7B.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="sft|preference|label", help="What is learned from; what most rows are when not given."),
    ] = None,
    each: Annotated[
        str | None,
        typer.Option(metavar="domain|source|cluster|language", help="An adapter for each of them, to merge or serve."),
    ] = None,
    least_rows: Annotated[
        int | None,
        typer.Option(min=1, help="Rows that an adapter takes, 1,000 when not given; others are one, `rest`."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a training config from this release: every number with its reason, the data beside it, the gate first."""
    from json import dumps

    from pipelines._recipe_lines import recipe_lines, recipes_lines, told
    from pipelines.advice.apart import ROWS_FOR_AN_ADAPTER
    from pipelines.advice.effort import gigabytes_named
    from pipelines.advice.memory import GB
    from pipelines.advice.model_shape import guessed_shape, parameters_named, shape_of
    from pipelines.recipe import recipe as write
    from pipelines.recipe import recipes as write_each
    from pipelines.recipes.facts import Target

    if least_rows and not each:
        raise UsageError("--least-rows is about the adapters of --each; name it too")
    shape = guessed_shape(parameters_named(params)) if params else shape_of(Path(model))
    named = str(Path(model).resolve()) if Path(model).exists() else model
    target = Target(named, shape, round(gigabytes_named(gpu_memory) * GB))
    made: Recipe | Recipes
    if each:
        made = write_each(release, trainer, out, target, by=each, least=least_rows or ROWS_FOR_AN_ADAPTER, kind=kind)
        lines = recipes_lines(made, trainer, out)
    else:
        made = write(release, trainer, out, target, kind=kind)
        lines = recipe_lines(made, trainer, out)
    typer.echo(dumps(told(made, out), indent=2, ensure_ascii=False) if json else "\n".join(lines))
