"""The commands for one person and one record: `assay restore` and `assay browse`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines._commands import Json, terminable
from pipelines._commands_calibrate import CONFIG

Release = Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, as --out named it.")]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who decides; without it your user name.")]


def restore(
    release: Release,
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record_id or its beginning, or SOURCE:ROW.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why; the ledger of the next run says so.")] = "",
    by: By = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back what was decided of RECORD by hand.")] = False,
    json: Json = False,
) -> None:
    """Bring a record back that DIR left out: the next run releases it, and says who wanted it and why."""
    from pipelines import _by_hand as hand
    from pipelines._by_hand_lines import said_figures, said_lines

    said = hand.take_back(release, record) if undo else hand.restore(release, record, why=why, by=by)
    if json:
        import orjson

        typer.echo(orjson.dumps(said_figures(said, undo), option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo("\n".join(said_lines(release, said, undo)))


def browse(
    release: Release,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Without it 8321, or a free one.")] = None,
    host: Annotated[str, typer.Option(help="A loopback address; nothing else is listened on.")] = "127.0.0.1",
    by: By = None,
    config: Annotated[Path, typer.Option(help="Where a threshold that is calibrated here is written.")] = CONFIG,
    open_it: Annotated[
        bool | None, typer.Option("--open/--no-open", help="Show the page in a browser; without it on a terminal only.")
    ] = None,
) -> None:
    """Search the records and the ledger of DIR in a browser, say what should not have been dropped, calibrate."""
    from pipelines.browsing.serve import serve

    with terminable():
        serve(release, host=host, port=port, by=by, config=config, open_it=open_it, say=typer.echo)
