"""What a release follows from beside its sources, policy and decisions, as digests that a later run can compare."""

import hashlib
import os
import platform
from pathlib import Path

from pipelines._manifest import sha256_of
from pipelines._processor import instructions
from pipelines._streams import fingerprint
from pipelines._versions import code_digest
from schemas.errors import BenchmarkError, ModelError, SourceError
from schemas.settings import DedupSettings, Settings

SURROUNDINGS = "surroundings.json"
"""Where a run keeps them until its manifest is written."""

UNPROVEN = "unproven"
"""Stands for what may be another thing tomorrow under the same name, such as a URL: never the same as anything."""

_BUILTIN = DedupSettings().model
_GPU = "/dev/nvidiactl"
# Where things are and what is shown. Any other variable of ours may change what a run makes.
_HARMLESS = {"ASSAY_CACHE", "ASSAY_HOME", "ASSAY_DATABASE_URL", "ASSAY_ARGILLA_PYTHON", "ASSAY_TRACEBACK"}


def surroundings(settings: Settings) -> dict[str, str]:
    """By name, the digest (hex) of code, environment, benchmarks, earlier release, model and target, or UNPROVEN.

    To be taken before any of it is read, so that what changes meanwhile is found changed.
    """
    found = {"code": code_digest(), "environment": _environment()}
    for number, name in enumerate(settings.contamination.against):
        found[f"benchmark {number}"] = _data(name)
    if settings.split.previous:
        found["previous"] = _file(Path(settings.split.previous) / "records.parquet")
    if settings.training.target:
        found["target"] = _target(settings.training.target)
    if settings.dedup.model != _BUILTIN:
        found["model"] = _folder(Path(settings.dedup.model).expanduser())
    if settings.difficulty.measure and settings.difficulty.model != _BUILTIN:
        found["difficulty"] = _folder(Path(settings.difficulty.model).expanduser())
    return found


def _target(name: str) -> str:
    from pipelines.trainability.target import find_target

    try:
        return find_target(name).digest
    except ModelError:
        return UNPROVEN


def local_only(name: str) -> bool:
    """Whether a source's name can mean nothing but files of this machine."""
    remote = "://" in name and not name.startswith("file://")
    # A name that nothing here answers to may be a dataset of the hub.
    return not remote and (os.path.lexists(name.removeprefix("file://")) or any(magic in name for magic in "*?["))


def _environment() -> str:
    """What the processor can and whether there is a GPU, which choose how texts are embedded, and our variables."""
    ours = sorted(item for item in os.environ.items() if item[0].startswith("ASSAY_") and item[0] not in _HARMLESS)
    seen = [
        ("machine", platform.machine()),
        ("processor", instructions() or platform.processor()),
        ("gpu", str(Path(_GPU).exists())),
    ]
    seen += [("visible", os.environ.get("CUDA_VISIBLE_DEVICES", "all")), *ours]
    return hashlib.sha256(repr(seen).encode("utf-8", "surrogatepass")).hexdigest()


def _data(name: str) -> str:
    """Every file that a source's name stands for, with its content; or the index that it names."""
    from pipelines._benchmark_index import index_path
    from pipelines._sources import FileSource, find_sources

    try:
        index = index_path(name)
    except BenchmarkError:
        return UNPROVEN
    if index:
        return _file(index)
    if not local_only(name):
        return UNPROVEN
    digest = hashlib.sha256()
    for source in find_sources([name]):
        if not isinstance(source, FileSource):
            return UNPROVEN
        try:
            digest.update(f"{source.name}\0{fingerprint(source.path).sha256}\0".encode())
        except SourceError:
            return UNPROVEN
    return digest.hexdigest()


def _file(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return UNPROVEN


def _folder(folder: Path) -> str:
    """Every file below; a name that is no folder here is the hub's, whose models change."""
    if not folder.is_dir():
        return UNPROVEN
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0{_file(path)}\0".encode())
    return digest.hexdigest()
