"""The commands for the cache: `assay cache` shows it, `assay cache prune` makes it smaller."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines._amounts import BYTES, amount
from pipelines._commands import Commands, Json
from schemas.errors import AssayError, UsageError

if TYPE_CHECKING:
    from pipelines.cache.upkeep import Kept

cache = typer.Typer(cls=Commands, help="The store of what was worked out before: show it, or prune it.")


@cache.callback(invoke_without_command=True)
def show(ctx: typer.Context, json: Json = False) -> None:
    """Say what is stored of earlier runs, where, and how much room it takes."""
    if ctx.invoked_subcommand is not None:
        return
    from pipelines.cache.home import default_cache
    from pipelines.cache.upkeep import contents

    place = default_cache()
    with _reached(place):
        kinds = [_figures(kept) for kept in contents(place)]
    every = {"bytes": sum(kind["bytes"] for kind in kinds), "files": sum(kind["files"] for kind in kinds)}
    if json:
        _print({"place": place, **every, "kinds": kinds})
        return
    typer.echo(place)
    for kind in kinds:
        typer.echo(f"{_amount(kind)}  {kind['kind']}, last used {kind['last_used'][:10]}")
    typer.echo(f"{_amount(every)}  in all")


@cache.command()
def prune(
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, help="Delete what was not used for so long.")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Then the longest unused, until this is left: 10GB, 500MB.")
    ] = None,
    json: Json = False,
) -> None:
    """Delete what is stored, all of it where nothing else is said; the next run makes again what it needs."""
    from pipelines.cache.home import default_cache
    from pipelines.cache.upkeep import prune as delete

    place = default_cache()
    most = None if max_size is None else _bytes(max_size)
    with _reached(place):
        freed = delete(place, older_than=older_than, max_bytes=most)
    if json:
        _print(freed._asdict())
        return
    typer.echo(f"{freed.files:,} file{'' if freed.files == 1 else 's'} deleted, {_megabytes(freed.bytes)} freed")


@contextmanager
def _reached(place: str) -> Iterator[None]:
    """A place that does not answer, or may not be changed, is an error of the call."""
    try:
        yield
    except AssayError:
        raise
    except Exception as error:  # each of fsspec's filesystems has errors of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UsageError(f"cache {place}: {reason}; check ASSAY_CACHE and the rights to what it names") from error


def _bytes(said: str) -> int:
    found = amount(said, BYTES)
    if found is None:
        raise UsageError(f"--max-size {said}: is not a size; say 10GB or 500MB")
    return int(found)


def _figures(kept: "Kept") -> dict[str, Any]:
    from datetime import UTC, datetime

    used = datetime.fromtimestamp(kept.used, UTC).isoformat(timespec="seconds")
    return {
        "kind": kept.kind, "makers": kept.makers, "files": kept.files, "bytes": kept.bytes, "last_used": used
    }  # fmt: skip


def _amount(figures: dict[str, Any]) -> str:
    return (
        f"  {_megabytes(figures['bytes']):>12}  {figures['files']:>6,} {'file ' if figures['files'] == 1 else 'files'}"
    )


def _megabytes(size: int) -> str:
    return f"{size / 10**6:,.1f} MB"


def _print(content: dict[str, Any]) -> None:
    import orjson

    typer.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
