"""The command that makes a release again, with the settings that it was made with."""

import shlex
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines._manifest import read_manifest
from pipelines._shown import one_line
from schemas.manifest import MANIFEST
from schemas.settings import Settings

# What `assay curate` has a flag for; a flag without a value is said or not.
_FLAGS = {
    ("seed",): "--seed",
    ("policy",): "--policy",
    ("ingest", "shape"): "--shape",
    ("repairs", "apply"): "--apply-repairs",
    ("dedup", "min_similarity"): "--min-similarity",
    ("dedup", "model"): "--model",
    ("route", "min_relevance"): "--min-relevance",
    ("selection", "target_size"): "--target-size",
    ("selection", "target_tokens"): "--target-tokens",
    ("selection", "method"): "--select",
    ("split", "previous"): "--previous",
    ("training", "target"): "--target",
}
_REPEATED = {("export", "formats"): "--to", ("contamination", "against"): "--against"}
_BARE = {("dedup", "draft"): "--draft", ("difficulty", "measure"): "--difficulty"}
_LICENSES = ("ingest", "licenses")
_SUSPECTS = ("dedup", "suspect_similarity")


def next_command(release: Path) -> str:
    """What makes the release again as it was made, for a shell in the folder where it was made.

    Flags say the settings that are not the defaults; where there is none for one of them, the release's own manifest is
    given as the settings.
    """
    manifest = read_manifest(release)
    sources = [one_line(source, 4_000) for source in manifest.sources]
    flags = flags_of(manifest.settings)
    said = ["--config", str(release / MANIFEST)] if flags is None else flags
    return shlex.join(["assay", "curate", *sources, "--out", str(release), *said])


def flags_of(settings: dict[str, Any]) -> list[str] | None:
    """The flags of `assay curate` that say these settings; null where flags cannot.

    >>> flags_of({"seed": 7, "export": {"formats": ["trl", "openai"]}, "dedup": {"draft": True}})
    ['--seed', '7', '--draft', '--to', 'trl', '--to', 'openai']
    >>> flags_of({"dedup": {"min_jaccard": 0.7}}) is None
    True
    """
    try:
        other = _others(Settings.model_validate(settings))
    except ValidationError:
        return None  # of another version; it says so where it is read
    lowered = other.get(("dedup", "min_similarity"))
    if lowered is not None and other.get(_SUSPECTS) == lowered:
        del other[_SUSPECTS]  # follows from --min-similarity
    flags: list[str] = []
    for key, value in other.items():
        said = _flag(key, value)
        if said is None:
            return None
        flags += said
    return flags


def _flag(key: tuple[str, ...], value: Any) -> list[str] | None:
    if key in _FLAGS:
        return None if value is None else [_FLAGS[key], str(value)]
    if key in _REPEATED:
        # A flag cannot say "none at all".
        return [word for each in value for word in (_REPEATED[key], str(each))] or None
    if key in _BARE:
        return [_BARE[key]] if value else None
    if key == _LICENSES and list(value) == ["*"]:
        return ["--license", value["*"]]
    return None


def _others(settings: Settings) -> dict[tuple[str, ...], Any]:
    """The settings that are not the defaults, by section and key, in the order of `Settings`."""
    mine, plain = settings.model_dump(mode="json"), Settings().model_dump(mode="json")
    found: dict[tuple[str, ...], Any] = {}
    for section, content in mine.items():
        if not isinstance(content, dict) or section == "calibration":
            found |= {(section,): content} if content != plain[section] else {}
        else:
            found |= {(section, key): value for key, value in content.items() if value != plain[section][key]}
    return found
