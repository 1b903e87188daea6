"""The command line. What a command needs is imported when it runs, so that `assay --help` is quick."""

import os
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines._commands import Commands, Json, terminable
from pipelines._commands_advise import advise
from pipelines._commands_benchmark import benchmark
from pipelines._commands_by_hand import browse, restore
from pipelines._commands_cache import cache
from pipelines._commands_calibrate import calibrate
from pipelines._commands_diff import diff
from pipelines._commands_export import export
from pipelines._commands_gate import gate
from pipelines._commands_people import agreement, annotate, cost
from pipelines._commands_recipe import recipe
from pipelines._commands_serve import serve
from schemas.errors import UsageError

if TYPE_CHECKING:
    from schemas.project import RunnerSettings
    from schemas.report import Report
    from schemas.settings import Settings

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Instruction data in, a finetune-ready dataset out, with a proof attached.",
)
app.add_typer(annotate, name="annotate")
app.add_typer(benchmark, name="benchmark")
app.add_typer(cache, name="cache")

Release = Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, as --out named it.")]


@app.command()
def curate(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE", help="Files, folders, globs, saved datasets, URLs.")
    ],
    out: Annotated[Path, typer.Option(help="The run's folder; empty, or an earlier release.")],
    config: Annotated[Path | None, typer.Option(help="Settings; docs/settings.md lists them.")] = None,
    to: Annotated[
        list[str] | None, typer.Option(metavar="FORMAT", help="A trainer to export for; may be repeated.")
    ] = None,
    against: Annotated[
        list[str] | None, typer.Option(metavar="BENCHMARK", help="Test data to keep out, or an index of it.")
    ] = None,
    apply_repairs: Annotated[
        str | None, typer.Option(metavar="off|safe", help="Make the repairs that change no meaning.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="For everything drawn at random.")] = None,
    shape: Annotated[str | None, typer.Option(help="The sources' shape, where the guess is wrong.")] = None,
    license: Annotated[
        str | None, typer.Option(metavar="NAME", help="What rows are licensed under that do not say so.")
    ] = None,
    target_size: Annotated[int | None, typer.Option(help="Select this many records.")] = None,
    target_tokens: Annotated[int | None, typer.Option(help="Select records of this many tokens.")] = None,
    select: Annotated[
        str | None, typer.Option(metavar="METHOD", help="How records are selected; docs/selection.md.")
    ] = None,
    min_similarity: Annotated[
        float | None, typer.Option(help="Cosine from which prompts are semantic duplicates.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A sentence-transformers model, or its folder.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="A first look: static vectors, no semantic removals.")] = False,
    difficulty: Annotated[
        bool, typer.Option("--difficulty", help="Ask a small language model how much each prompt helps its answer.")
    ] = False,
    min_relevance: Annotated[
        float | None,
        typer.Option(help="Answers that have less to do with their prompts go to review; 0 measures nothing."),
    ] = None,
    previous: Annotated[str | None, typer.Option(metavar="DIR", help="A release whose splits records keep.")] = None,
    policy: Annotated[str | None, typer.Option(help="What the gate demands.")] = None,
    target: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Whose tokenizer renders each row: a folder, smollm2, openai.")
    ] = None,
    runner: Annotated[
        str | None, typer.Option(metavar="local|dask|ray|ADDRESS", help="What works on the shards; docs/scaling.md.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a gated release of raw data in the folder --out."""
    from pipelines._runner import runner_named
    from schemas.project import load_project
    from schemas.settings import load_settings

    # Said alone, a threshold below the suspects' leaves no suspects instead of being refused.
    suspects = min_similarity and min(min_similarity, load_settings(config).dedup.suspect_similarity)
    settings = load_settings(
        config,
        run={"seed": seed, "policy": policy},
        ingest={"shape": shape, "licenses": license and {**load_settings(config).ingest.licenses, "*": license}},
        repairs={"apply": apply_repairs},
        dedup={
            "min_similarity": min_similarity,
            "suspect_similarity": suspects,
            "model": model,
            "draft": draft or None,
        },
        contamination={"against": against},
        difficulty={"measure": difficulty or None},
        route={"min_relevance": min_relevance},
        selection={"target_size": target_size, "target_tokens": target_tokens, "method": select},
        split={"previous": previous},
        export={"formats": to},
        training={"target": target},
    )
    from pipelines._summary import summary_lines

    report = run_curate(sources, out, settings, runner_named(runner, load_project(config).runner))
    typer.echo(report.model_dump_json(indent=2) if json else "\n".join(summary_lines(report)))
    if not json:
        typer.echo(f"report      {out / 'report.html'}")
    passed = report.gate is not None and report.gate.passed
    raise typer.Exit(0 if passed and not report.sources.refused else 1)


def run_curate(sources: list[str], out: Path, settings: "Settings", runner: "RunnerSettings | None" = None) -> "Report":
    from pipelines._course import HERE
    from pipelines._prefect_server import server_url
    from pipelines._progress import ConsoleReporter, Reporter, report_to

    began = monotonic()
    console = ConsoleReporter()
    report_to(console)
    try:
        with terminable():
            if server := server_url():
                return _on_server(server, began, sources, out, settings, runner or HERE)
            from pipelines._course import make_release

            console.line("in process    no Prefect server is set or runs here, and none is needed")
            return make_release(sources, out, settings, runner=runner or HERE)
    finally:
        report_to(Reporter())


def _on_server(
    server: str, began: float, sources: list[str], out: Path, settings: "Settings", runner: "RunnerSettings"
) -> "Report":
    """The same by Prefect's flow, which is seen on the server."""
    from pipelines._course import CALLED
    from pipelines._prefect_server import forget_events, is_of_the_network
    from pipelines._prepare import refuse_hopeless

    # The course asks the same; here the answer comes before Prefect is imported.
    refuse_hopeless(sources, out, settings)
    CALLED.set(began)
    os.environ["PREFECT_API_URL"] = server
    # Errors are told by us, in one line; Prefect would log each with its traceback.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    # Through its root logger it would also repeat what other libraries say, and through its own each event that a
    # server that died did not get.
    os.environ.setdefault("PREFECT_LOGGING_ROOT_LEVEL", "ERROR")
    os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL")
    import pipelines._orchestration  # noqa: F401  isort: skip - sets what Prefect reads when it is imported
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from pipelines.flow import curate as flow

    # The heartbeat's thread would hold every run up by a second at its end.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        if runner.kind == "dask":
            from pipelines._runner_dask import prefect_runner

            flow = flow.with_options(task_runner=prefect_runner(runner))
        try:
            said = {**settings.model_dump(mode="json"), "runner": runner.model_dump(mode="json")}
            return flow(sources, str(out), said)
        except Exception as error:
            if not is_of_the_network(error):
                raise
            forget_events()
            if made := _made_without(server, sources, out, settings):
                return made
            raise UsageError(
                f"PREFECT_API_URL={server}: no Prefect server answers there; start it, or set the variable to nothing"
            ) from error


def _made_without(server: str, sources: list[str], out: Path, settings: "Settings") -> "Report | None":
    """The report of the release, where the run had finished it though the server went away; else null."""
    from pipelines._progress import reporter
    from pipelines._unchanged import unchanged

    made = unchanged(out, sources, settings)
    if made is not None:
        reporter().line(f"unseen      {server} went away; the run went on, and its release is finished")
    return made


app.command()(gate)


@app.command()
def explain(
    release: Release,
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record_id or its beginning, or SOURCE:ROW.")],
    json: Json = False,
) -> None:
    """Tell everything that happened to one row."""
    from pipelines._explain import explain as tell
    from pipelines._explain import story

    stories = tell(release, record)
    if json:
        import orjson

        typer.echo(orjson.dumps(stories, option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo("\n\n".join("\n".join(story(one)) for one in stories))


app.command()(export)


@app.command()
def report(
    release: Release,
    open_it: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
    json: Json = False,
) -> None:
    """Say what DIR holds, and where its report is."""
    from pipelines._summary import summary_lines
    from pipelines.gate import report_of

    content = report_of(release)
    page = release / "report.html"
    if json:
        typer.echo(content.model_dump_json(indent=2))
        return
    typer.echo("\n".join(summary_lines(content)))
    typer.echo(f"report      {page}")
    if open_it:
        import webbrowser

        if not webbrowser.open(page.resolve().as_uri()):
            typer.echo(f"not shown   no browser is found here; open {page} in one, or name one in BROWSER", err=True)


app.command()(advise)
app.command()(diff)
app.command()(calibrate)
app.command()(browse)
app.command()(restore)
app.command()(cost)
app.command()(agreement)
app.command()(recipe)
app.command()(serve)


if __name__ == "__main__":
    app()
