"""A run that was killed goes on where it was: stages that stand are not run again, when the call is the same.

Sources, settings, surroundings and decisions are compared by content, and every file of a stage with the digest that
was noted at its end. What cannot be proven the same, such as a URL, is run again.
"""

import json
from pathlib import Path
from typing import Any

from pipelines._manifest import sha256_of
from pipelines._people import DECISIONS, decided, digest
from pipelines._stages import STAGES, Run, noted
from pipelines._surroundings import UNPROVEN, surroundings
from pipelines._unchanged import same_sources
from pipelines._versions import version_of, versions
from pipelines._workspace import save_json
from schemas.manifest import InputEntry
from schemas.policy import DEFAULT_POLICY, load_policy

CALL = "call.json"
"""In the work folder: what the run was called with, and what was gathered for its stages. Written when all of it is."""


def note_call(run: Run, surrounded: dict[str, str]) -> None:
    """Leave CALL, with the digests that `surroundings` had before anything was gathered."""
    files = {path.name: sha256_of(path) for path in sorted(run.work.iterdir()) if path.is_file()}
    save_json({"call": _called(run, surrounded), "files": files}, run.work / CALL)


def standing(run: Run) -> tuple[str, ...]:
    """The stages, in their order, that an earlier run of the same call left whole in the work folder."""
    try:
        call = json.loads((run.work / CALL).read_text(encoding="utf-8"))
        if not (_whole(run.work, call["files"]) and call["call"] == _called(run, surroundings(run.settings))):
            return ()
        if UNPROVEN in call["call"]["surroundings"].values():
            return ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    stages: list[str] = []
    for name in STAGES:
        if not _stands(run, name):
            break
        stages.append(name)
    return tuple(stages)


def _called(run: Run, surrounded: dict[str, str]) -> dict[str, Any]:
    settings = run.settings
    policy = load_policy(Path(settings.policy)) if settings.policy else DEFAULT_POLICY
    people = decided(settings.annotation)
    called = {
        "sources": list(run.sources),
        "settings": settings.model_dump(mode="json"),
        "policy": policy.model_dump(mode="json"),
        "assay": version_of("assay"),
        "versions": versions(),
        "surroundings": surrounded,
        DECISIONS: digest(people.decisions),
        "cost": people.cost and people.cost.model_dump(mode="json"),
    }
    # As it will be read back: tuples are lists there.
    plain: dict[str, Any] = json.loads(json.dumps(called))
    return plain


def _stands(run: Run, name: str) -> bool:
    try:
        said = noted(run, name)
        if name == "ingest":
            read = [InputEntry.model_validate(entry) for entry in said["figures"]["inputs"]]
            return same_sources(read, Path(), run.sources) and _whole(run.work, said["files"])
        return _whole(run.work, said["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _whole(folder: Path, files: dict[str, str]) -> bool:
    return bool(files) and all(
        Path(name).name == name and (folder / name).is_file() and sha256_of(folder / name) == digest
        for name, digest in files.items()
    )
