"""The command for scheduled runs: `assay serve`."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    config: Annotated[Path | None, typer.Option(help="The project; without it assay.yaml in this folder.")] = None,
    cron: Annotated[str | None, typer.Option(metavar="LINE", help="When curate runs: '0 3 * * *'.")] = None,
    interval: Annotated[float | None, typer.Option(metavar="SECONDS", min=1, help="Or every so many seconds.")] = None,
    host: Annotated[
        str | None, typer.Option(help="Where a Prefect server of its own listens; without it 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Its port; 0 takes a free one, without it 4200.")
    ] = None,
) -> None:
    """Run a project by the clock and when new data comes, until stopped: docs/operating.md."""
    from pipelines.serving.serve import serve as stay

    stay(config, cron=cron, interval=interval, host=host, port=port, say=lambda line: typer.echo(line, err=True))
