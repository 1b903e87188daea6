"""`assay export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines._commands import Json

if TYPE_CHECKING:
    from pipelines._reexport import PartFigures


def export(
    release: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, as --out named it.")],
    to: Annotated[str, typer.Option(metavar="FORMAT", help="trl, llama-factory, axolotl, litgpt or openai.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    max_tokens: Annotated[int | None, typer.Option(help="The trainer's window; as in the run when not given.")] = None,
    each: Annotated[
        str | None, typer.Option(metavar="domain|source|cluster|language", help="A folder for each of them.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the released records of DIR as a trainer reads them."""
    from pipelines._reexport import export_each, export_release

    if each:
        _tell(export_each(release, to, out, max_tokens, each), to, out, each, json)
        return
    figures = export_release(release, to, out, max_tokens)
    if json:
        typer.echo(figures.model_dump_json(indent=2))
        return
    typer.echo(f"{figures.format}: {figures.rows:,} rows written to {out}, {figures.refused:,} refused")
    for refusal in figures.refusals:
        typer.echo(f"  {refusal.rows:>9,}  {refusal.reason}")


def _tell(parts: "list[PartFigures]", to: str, out: Path, each: str, json: bool) -> None:
    rows, refused = (sum(getattr(part.figures, of) for part in parts) for of in ("rows", "refused"))
    if json:
        from json import dumps

        told = {part.name: {"value": part.value, **part.figures.model_dump(mode="json")} for part in parts}
        typer.echo(dumps({"each": each, "rows": rows, "refused": refused, "parts": told}, indent=2, ensure_ascii=False))
        return
    typer.echo(f"{to}: {rows:,} rows in {len(parts):,} parts by {each} written to {out}, {refused:,} refused")
    for part in parts:
        typer.echo(f"  {part.figures.rows:>9,}  {part.name}, {part.figures.refused:,} refused")
        for refusal in part.figures.refusals:
            typer.echo(f"  {'':>9}  {refusal.rows:,} {refusal.reason}")
