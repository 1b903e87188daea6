"""A finished release in another trainer's format."""

from pathlib import Path

from pipelines._manifest import verify
from pipelines._released import scan_released
from pipelines.export import export_format
from schemas.errors import UsageError
from schemas.report import ExportFigures


def export_release(release: Path, to: str, out: Path, max_tokens: int | None) -> ExportFigures:
    """Export the released records of `release` to the folder `out`; an altered release is not exported.

    Raises ReleaseError when the release cannot be trusted, UsageError for an unknown format or when
    `out` holds something already.
    """
    manifest = verify(release)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is not empty; choose a new folder for --out")
    window = max_tokens or int(manifest.settings["validation"]["max_tokens"])
    return export_format(scan_released(release).collect(), to, out=out, max_tokens=window)
