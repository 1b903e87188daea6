"""`assay diff`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines._commands import Json


def diff(
    before: Annotated[Path, typer.Argument(metavar="DIR_A", help="The release before.")],
    after: Annotated[Path, typer.Argument(metavar="DIR_B", help="The release after.")],
    rows: Annotated[bool, typer.Option("--rows", help="List every row that changed, below the summary.")] = False,
    json: Json = False,
) -> None:
    """Tell what changed from DIR_A to DIR_B. Exit 0: compared, whatever was found; 2: one is no release, or altered."""
    from pipelines._diff_lines import diff_lines, row_lines
    from pipelines.diff import diff as compare

    found = compare(before, after)
    if json:
        typer.echo(found.model_dump_json(indent=2))
        return
    typer.echo("\n".join(diff_lines(found)))
    if rows:
        for line in row_lines(found.rows_changed):
            typer.echo(line)
