"""`assay advise`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines._commands import Json
from schemas.errors import UsageError

if TYPE_CHECKING:
    from pipelines.advice.method import Machine
    from pipelines.advice.model_shape import ModelShape


def advise(
    release: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A run's folder; without it, of the model alone.")
    ] = None,
    params: Annotated[str | None, typer.Option(help="The model's parameters: 135M, 7B, 13B.")] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The model's folder or config.json, for its exact shape.")
    ] = None,
    gpu: Annotated[
        str | None, typer.Option(help="A GPU by name: T4, L4, A10, RTX-4090, L40S, A100-40, A100, H100, H200.")
    ] = None,
    gpu_memory: Annotated[str | None, typer.Option(help="Its memory, such as 24GB.")] = None,
    gpu_hour: Annotated[float | None, typer.Option(min=0, help="The price of an hour of it.")] = None,
    tokens_per_second: Annotated[
        float | None, typer.Option(min=0, help="What it trains, where that was measured.")
    ] = None,
    json: Json = False,
) -> None:
    """Say whether to finetune, with how much, by which method, and on what: each with its evidence."""
    from pipelines._advice_lines import advice_lines
    from pipelines.advise import advise as worked_out

    shape, machine = _shape(params, model), _machine(gpu, gpu_memory, gpu_hour, tokens_per_second)
    if release is None and not (shape and machine):
        raise UsageError("name a release, or a model (--params or --model) and a GPU (--gpu or --gpu-memory), or both")
    if (shape is None) != (machine is None):
        lacking = "a GPU: --gpu or --gpu-memory" if shape else "a model: --params or --model"
        raise UsageError(f"which method fits follows from a model and a GPU; name {lacking}")
    advice = worked_out(release, shape, machine)
    typer.echo(advice.model_dump_json(indent=2) if json else "\n".join(advice_lines(advice)))


def _shape(params: str | None, model: Path | None) -> "ModelShape | None":
    from pipelines.advice.model_shape import guessed_shape, parameters_named, shape_of

    if params and model:
        raise UsageError("--params and --model both say what the model is; name one")
    if model:
        return shape_of(model)
    return guessed_shape(parameters_named(params)) if params else None


def _machine(gpu: str | None, memory: str | None, price: float | None, throughput: float | None) -> "Machine | None":
    from pipelines.advice.effort import GPUS, gigabytes_named
    from pipelines.advice.memory import GB
    from pipelines.advice.method import Machine

    name = next((known for known in GPUS if gpu and known.casefold() == gpu.casefold()), None)
    if gpu and not name:
        raise UsageError(f"--gpu {gpu!r}: known are {', '.join(GPUS)}; for another one, name its --gpu-memory")
    if not name and not memory:
        return None
    room = gigabytes_named(memory) if memory else GPUS[name or ""].gigabytes
    return Machine(round(room * GB), name, price or None, throughput or None)
