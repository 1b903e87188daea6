"""The commands for indexes of benchmarks: `assay benchmark add` makes one, `assay benchmark list` shows them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines._commands import Commands, Json
from schemas.errors import BenchmarkError, UsageError

benchmark = typer.Typer(
    cls=Commands, no_args_is_help=True, help="Benchmarks as hashes without text, for `assay curate --against NAME`."
)


@benchmark.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What --against will call it.")],
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE", help="The benchmark's files, folders or URLs.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there instead of into the store.")] = None,
    ngram: Annotated[
        int | None,
        typer.Option(
            min=3,
            max=64,
            show_default="that of the settings",
            help="Words of an n-gram; contamination.ngram must be the same.",
        ),
    ] = None,
    shape: Annotated[str | None, typer.Option(help="The sources' shape, where the guess is wrong.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an index of that name.")] = False,
    json: Json = False,
) -> None:
    """Make an index of a benchmark: hashes of its n-grams, and no text."""
    from annotation.home import make_home
    from pipelines import _benchmark_index as indexes
    from schemas.settings import ContaminationSettings

    indexes.refuse_name(name)
    path = _place(name, out)
    if path.exists() and not force:
        raise UsageError(f"{path}: is there already; --force replaces it")
    questions, unreadable, files = _read(sources, shape)
    words = ngram or ContaminationSettings().ngram
    data = indexes.build(questions, name=name, sources=files, unreadable=unreadable, ngram=words)
    if out is None:
        make_home()
        indexes.store().mkdir(exist_ok=True)
    indexes.save(data, path, replace=force)
    about = indexes.load(data, str(path)).about
    if json:
        _print({**about.model_dump(exclude={"key", "digest", "layout"}), "path": str(path), "bytes": len(data)})
        return
    lost = f", {unreadable:,} unreadable rows left out" if unreadable else ""
    typer.echo(f"{'index':<12}{about.items:,} items{lost}: {path} ({len(data) / 1000:,.1f} kB)")
    typer.echo(f"{'use':<12}assay curate SOURCE... --out DIR --against {path if out else name}")


@benchmark.command("list")
def show(json: Json = False) -> None:
    """Say which indexes the store has."""
    from pipelines import _benchmark_index as indexes
    from pipelines._shown import one_line

    found = indexes.listed()
    if json:
        _print({"place": str(indexes.store()), "indexes": found})
        return
    typer.echo(str(indexes.store()))
    for one in found:
        if "error" in one:
            typer.echo(f"  {one['name']:<24} cannot be used: {one_line(one['error'], 300)}")
            continue
        sources = one_line(", ".join(one["sources"]), 120)
        words = f"n-grams of {one['ngram']} words"
        typer.echo(f"  {one['name']:<24} {one['items']:>9,} items, {words}, {one['created'][:10]}, of {sources}")
    if not found:
        typer.echo("  none yet; `assay benchmark add NAME SOURCE...` makes one")


def _place(name: str, out: Path | None) -> Path:
    from pipelines import _benchmark_index as indexes

    if out is None:
        return indexes.in_store(name)
    if not out.name.endswith(indexes.ENDING):
        raise UsageError(f"--out {out}: an index is known by its ending; call it {out.stem}{indexes.ENDING}")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: its folder does not exist; make it first")
    return out


def _read(sources: list[str], shape: str | None) -> tuple[Any, int, list[str]]:
    """The questions of all sources in reading order, how many rows made none, and the files' names."""
    import tempfile

    import polars as pl

    from pipelines.ingest import ingest
    from schemas.errors import SourceError
    from schemas.settings import IngestSettings

    limits = IngestSettings()
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        try:
            read = ingest(
                sources,
                workdir=Path(folder),
                shape=shape,
                batch_bytes=limits.batch_bytes,
                max_record_bytes=limits.max_record_bytes,
            )
        except SourceError as error:
            raise BenchmarkError(f"benchmark {error}") from error
        # A part of a benchmark that is silently missing would be trained on.
        if refused := next((file for file in read.sources if file.status == "refused"), None):
            raise BenchmarkError(f"benchmark {refused.source}: {refused.refusal}")
        questions = pl.concat([pl.read_parquet(part, columns=["prompt"]) for part in read.records])["prompt"]
    names = [file.source.rsplit("/", 1)[-1] for file in read.sources]
    return questions, sum(file.unreadable for file in read.sources), names


def _print(content: dict[str, Any]) -> None:
    import orjson

    typer.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
