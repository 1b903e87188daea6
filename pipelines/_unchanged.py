"""The same again, nothing changed: whether the release that is there is the one that a run would make."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines._manifest import read_manifest, verify_files
from pipelines._surroundings import UNPROVEN, local_only, surroundings
from pipelines._versions import version_of, versions
from schemas.errors import AssayError
from schemas.manifest import MANIFEST, InputEntry, Manifest
from schemas.policy import DEFAULT_POLICY, load_policy
from schemas.settings import Settings

if TYPE_CHECKING:
    from schemas.report import Report


def unchanged(out: Path, sources: Sequence[str], settings: Settings) -> "Report | None":
    """The report of the release in `out` where a run with this call would make the same one; else null.

    The same are the sources and what is in them, settings, policy, benchmarks, model, what people decided and cost,
    the code and its libraries, and every file of the release. Whatever cannot be proven the same has changed: a URL,
    a dataset or model of the hub, a saved dataset, a source that could not be opened. Never raises: what is wrong
    with the call or the release, the run itself tells.
    """
    if not (out / MANIFEST).is_file():
        return None
    try:
        manifest = read_manifest(out)
        if not (_as_called(manifest, sources, settings) and _as_surrounded(manifest, settings)):
            return None
        return _as_left(out, manifest, settings) if _as_read(manifest, out, sources) else None
    except (AssayError, OSError, ValueError):
        return None


def _as_called(manifest: Manifest, sources: Sequence[str], settings: Settings) -> bool:
    """Whether the call, the settings, the policy's content and the versions are those of the release."""
    policy = load_policy(Path(settings.policy)) if settings.policy else DEFAULT_POLICY
    return (
        manifest.sources == list(sources)
        and manifest.settings == settings.model_dump(mode="json")
        and manifest.policy == policy.model_dump(mode="json")
        and manifest.assay_version == version_of("assay")
        and manifest.versions == versions()
    )


def _as_surrounded(manifest: Manifest, settings: Settings) -> bool:
    """Whether code, machine, benchmarks, earlier release and model are. Older manifests do not say."""
    known = manifest.surroundings
    return bool(known) and UNPROVEN not in known.values() and known == surroundings(settings)


def _as_read(manifest: Manifest, out: Path, sources: Sequence[str]) -> bool:
    from pipelines._people import DECISIONS

    return same_sources([entry for entry in manifest.inputs if entry.source != DECISIONS], out, sources)


def same_sources(read: Sequence[InputEntry], base: Path, sources: Sequence[str]) -> bool:
    """Whether `sources` are the files that were read, in the same order, with the same content.

    Paths of what was read start at `base`.
    """
    from pipelines._sources import FileSource, find_sources

    # What has no digest was no file; and only names of local files may be looked up, for the network is slow.
    if any(entry.sha256 is None or entry.path is None for entry in read) or not all(map(local_only, sources)):
        return False
    found = find_sources(sources)
    files = [source for source in found if isinstance(source, FileSource)]
    if len(files) < len(found) or len(files) != len(read):
        return False
    with ThreadPoolExecutor() as pool:
        return all(pool.map(lambda file, entry: _is(file.name, file.path, entry, base), files, read))


def _is(name: str, path: Path, entry: InputEntry, base: Path) -> bool:
    """Whether a file is what was read: its name, its place, its size and its content."""
    from pipelines._streams import fingerprint

    same_place = entry.path is not None and os.path.realpath(base / entry.path) == os.path.realpath(path)
    return entry.source == name and same_place and (entry.sha256, entry.bytes) == tuple(fingerprint(path))


def _as_left(out: Path, manifest: Manifest, settings: Settings) -> "Report | None":
    """The report, when it was judged, no file of the release was touched, and people said and cost the same."""
    from pipelines.gate import report_of

    verify_files(out, manifest)
    report = report_of(out)
    if report.gate is None or report.run.run_id != manifest.run_id:
        return None
    return report if _as_decided(manifest, report, settings) else None


def _as_decided(manifest: Manifest, report: "Report", settings: Settings) -> bool:
    from pipelines._people import DECISIONS, decided, digest

    people = decided(settings.annotation)
    now = digest(people.decisions) if people.decisions.height else None
    then = next((entry.sha256 for entry in manifest.inputs if entry.source == DECISIONS), None)
    return now == then and people.cost == report.people.cost
