"""A finished release in another trainer's format, whole or apart by domain, source, cluster or language."""

import json
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines._aside import aside
from pipelines._each import parts
from pipelines._manifest import verify
from pipelines._released import scan_released
from pipelines.export import export_format
from schemas.errors import UsageError
from schemas.report import ExportFigures

LIST = "parts.json"
"""What lies beside the parts: by name the value that its records have, and their numbers."""


class PartFigures(NamedTuple):
    """A part's folder below the export's, the value that its records share (null: none), and what was written."""

    name: str
    value: str | None
    figures: ExportFigures


def export_release(release: Path, to: str, out: Path, max_tokens: int | None) -> ExportFigures:
    """Export the released records of `release` to the folder `out`; an altered release is not exported.

    Raises ReleaseError when the release cannot be trusted, UsageError for an unknown format or when
    `out` holds something already.
    """
    window = _window(release, out, max_tokens)
    return export_format(_records(release), to, out=out, max_tokens=window)


def export_each(release: Path, to: str, out: Path, max_tokens: int | None, by: str) -> list[PartFigures]:
    """The same into a folder for each value of `by` (_each.EACH). `rows` and `refused` of all sum to the release's.

    Raises as `export_release` does, and UsageError where no record has such a value.
    """
    window = _window(release, out, max_tokens)
    with aside(out) as at:
        done = [
            PartFigures(name, value, export_format(records, to, out=at / name, max_tokens=window))
            for name, value, records in parts(_records(release), by, taken=(LIST,))
        ]
        listed = {one.name: {by: one.value, "rows": one.figures.rows, "refused": one.figures.refused} for one in done}
        (at / LIST).write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return done


def _window(release: Path, out: Path, max_tokens: int | None) -> int:
    manifest = verify(release)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is not empty; choose a new folder for --out")
    return max_tokens or int(manifest.settings["validation"]["max_tokens"])


def _records(release: Path) -> pl.DataFrame:
    return scan_released(release).collect()
