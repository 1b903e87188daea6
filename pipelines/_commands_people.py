"""The commands for review by people: `assay annotate ...`, `assay cost` and `assay agreement`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipelines._commands import Commands, Json, terminable

if TYPE_CHECKING:
    from annotation.server.serve import Running
    from schemas.settings import Settings

annotate = typer.Typer(
    cls=Commands, no_args_is_help=True, help="Review by people in Argilla: serve, push, pull, status, withdraw, adjust."
)

Release = Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, as --out named it.")]
Config = Annotated[Path | None, typer.Option(help="Settings, of which `annotation` counts; without it the release's.")]
ServerConfig = Annotated[Path | None, typer.Option("--config", help="Settings, for the tiers and their annotators.")]


@annotate.command()
def serve(
    config: ServerConfig = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on; without it 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port; 0 takes a free one, without it 6900.")
    ] = None,
    foreground: Annotated[bool, typer.Option(help="Stay until stopped, as a service manager wants it.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the server; its data stays.")] = False,
    json: Json = False,
) -> None:
    """Start the Argilla server and its UI on this machine."""
    from annotation.home import home, make_home
    from annotation.server import serve as server

    if stop:
        stopped = server.stop(home())
        _say({"stopped": stopped}, json, "stopped; its data stays" if stopped else "no Argilla server was running")
        return
    settings = _settings(config).annotation

    def started(running: "Running") -> None:
        _say(_running(running), json, "\n".join(_running_lines(running, home())))

    place: dict[str, Any] = {"host": host, "port": port, "progress": _progress, "started": started}
    with terminable():
        if foreground:
            raise typer.Exit(server.run_foreground(make_home(), settings, **place))
        server.start(make_home(), settings, **place)


def _running(running: "Running") -> dict[str, Any]:
    return {
        "url": running.url,
        "pid": running.pid,
        "already": running.already,
        "new_accounts": [account._asdict() for account in running.new_accounts],
    }


def _running_lines(running: "Running", home: Path) -> list[str]:
    lines = [f"argilla     {running.url}"]
    if running.new_accounts:
        lines.append("accounts    made now; their passwords and API keys are shown this once")
        width = max(len(account.username) for account in running.new_accounts)
        for account in running.new_accounts:
            where = ", ".join(account.workspaces) or "all workspaces"
            lines.append(f"  {account.username:<{width}}  {account.password}  ({account.role}, {where})")
            lines.append(f"  {'':<{width}}  key {account.api_key}")
        lines.append(f"            also in {home / 'argilla' / 'credentials.json'} (mode 600)")
    return [*lines, "next        assay annotate push DIR; stop with assay annotate serve --stop"]


@annotate.command()
def push(
    release: Release,
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the forecast and send nothing.")] = False,
    json: Json = False,
) -> None:
    """Send what waits for review in DIR to the annotators, within the budget."""
    from pipelines import annotate as stage

    with terminable():
        sent = stage.push(release, _chosen(config), dry_run=dry_run, progress=_progress)
    _say(sent.figures, json, "\n".join(sent.lines))
    raise typer.Exit(sent.exit_code)


@annotate.command()
def pull(
    release: Release,
    config: Config = None,
    no_release: Annotated[bool, typer.Option("--no-release", help="Decide, but leave DIR as it is.")] = False,
    json: Json = False,
) -> None:
    """Read the annotators' answers, book what they cost, decide, and make DIR again."""
    from pipelines import annotate as stage
    from pipelines.cli import run_curate

    with terminable():
        got = stage.pull(release, _chosen(config), progress=_progress)
    report = None
    if got.sources and not no_release:
        report = run_curate(list(got.sources), release, got.settings)
    lines = [*got.lines]
    if report is not None:
        from pipelines._summary import summary_lines

        lines += ["", *summary_lines(report)]
    _say({**got.figures, "released": report is not None}, json, "\n".join(lines))
    passed = report is None or (report.gate is not None and report.gate.passed)
    raise typer.Exit(got.exit_code if passed else 1)


@annotate.command()
def status(config: ServerConfig = None, json: Json = False) -> None:
    """Say how the server is, how far each dataset is, and who did how much."""
    from pipelines import annotate as stage

    told = stage.status(_settings(config).annotation)
    _say(told.figures, json, "\n".join(told.lines))
    raise typer.Exit(told.exit_code)


@annotate.command()
def withdraw(
    release: Release,
    everything: Annotated[
        bool, typer.Option("--all", help="All unanswered tasks of the project, those of other releases too.")
    ] = False,
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would free, and change nothing.")] = False,
    json: Json = False,
) -> None:
    """Take back the unanswered tasks of DIR whose records wait for nobody any more, and free their money."""
    from pipelines import amend

    with terminable():
        told = amend.withdraw(release, _chosen(config), everything=everything, dry_run=dry_run)
    _say(told.figures, json, "\n".join(told.lines))


# What begins with a minus is an amount, not an option.
@annotate.command(context_settings={"ignore_unknown_options": True})
def adjust(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Such as 2.50, or -2.50 for less.")],
    reason: Annotated[str, typer.Option(help="Why; the ledger keeps it.")],
    task: Annotated[str | None, typer.Option(help="The task that it is about, by its id.")] = None,
    annotator: Annotated[str | None, typer.Option(help="Whose pay it is about.")] = None,
    tier: Annotated[str | None, typer.Option(help="The tier that it counts for, where that does not follow.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings, for the project, its currency and its tiers.")] = None,
    json: Json = False,
) -> None:
    """Correct what was spent by AMOUNT: a new entry in the ledger, which nothing can change or delete."""
    from pipelines import amend

    told = amend.adjust(amount, reason, _settings(config).annotation, task=task, annotator=annotator, tier=tier)
    _say(told.figures, json, "\n".join(told.lines))


def cost(
    release: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="A run's folder, for its settings.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say what people cost: spent, reserved and left, for each tier, annotator and reason."""
    from pipelines import annotate as stage

    told = stage.cost(release, _chosen(config), config)
    _say(told.figures, json, "\n".join(told.lines))


def agreement(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Columns worker, task, label and, if known, gold.")],
    level: Annotated[
        Literal["nominal", "ordinal"], typer.Option(help="ordinal where labels are ranks, such as ratings.")
    ] = "nominal",
    labels: Annotated[bool, typer.Option("--labels", help="With --json: each task's consensus label too.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write each task's consensus label to this CSV file.")] = None,
    json: Json = False,
) -> None:
    """Say how far several people's labels agree, and what they say together."""
    from annotation.judging.agreement_file import agreement_lines, measure_file, write_consensus

    measured = measure_file(file, level=level)
    if out is not None:
        write_consensus(measured.labels, out)
    told = {"labels": measured.labels.to_dicts()} if labels else {}
    _say({**measured.result, **told}, json, "\n".join(agreement_lines(measured.result)))


def _settings(config: Path | None) -> "Settings":
    from schemas.settings import load_settings

    return load_settings(config)


def _chosen(config: Path | None) -> "Settings | None":
    """The settings that were named; null leaves those of the release."""
    return _settings(config) if config else None


def _say(figures: dict[str, Any], json: bool, text: str) -> None:
    if json:
        import orjson

        typer.echo(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo(text)


def _progress(line: str) -> None:
    typer.echo(line, err=True)
