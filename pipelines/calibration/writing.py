"""The chosen threshold into assay.yaml, with its evidence; every comment, the order and the rest stay as they were."""

import io
import os
import re
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pipelines._workspace import settle
from schemas.calibration import KEYS, Calibrated, Evidence
from schemas.errors import SettingsError
from schemas.project import load_project
from schemas.settings import is_manifest, load_settings

SECTION = "calibration"

# A key with its value below it.
_KEY_ALONE = re.compile(r":\s*(?:#.*)?$")
_ABOUT = "What thresholds above were chosen by; `assay calibrate` writes it, and nothing is decided by it."


def write_threshold(path: Path, of: Calibrated, evidence: Evidence) -> None:
    """Set the threshold in the settings at `path`, made where there are none, and keep its evidence there.

    The result is read as settings before it takes the file's place. Raises SettingsError.
    """
    where = Path(os.path.realpath(path))  # a link stays one
    before = _text(where) if where.exists() else ""
    try:
        content = _yaml(before).load(before)
    except (YAMLError, ValueError) as error:
        line = (str(error).splitlines() or [""])[0]
        raise SettingsError(f"{path}: cannot be changed as YAML ({line}); set the threshold by hand") from error
    content = CommentedMap() if content is None else content
    if not isinstance(content, CommentedMap):
        raise SettingsError(f"{path}: holds no settings; start from docs/settings.md")
    if is_manifest(content):
        raise SettingsError(f"{path}: is a release's manifest, which may not change; name another file with --config")
    _set(content, of, evidence)
    _replace(path, where, _dumped(content, before))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}); check the path given to --config") from error


def _set(content: CommentedMap, of: Calibrated, evidence: Evidence) -> None:
    section, key = KEYS[of]
    if content.get(section) is None:
        content[section] = CommentedMap()
    part = content[section]
    part[key] = evidence.threshold
    # A comment of the user's own stays, and between braces there is no place for one.
    if key not in part.ca.items and not part.fa.flow_style():
        part.yaml_add_eol_comment(f"assay calibrate, {evidence.date}: see {SECTION}", key)
    if content.get(SECTION) is None:
        content[SECTION] = CommentedMap()
        content.yaml_set_comment_before_after_key(SECTION, before=_ABOUT)
    content[SECTION][of] = _as_yaml(evidence)


def _as_yaml(evidence: Evidence) -> CommentedMap:
    told = CommentedMap(evidence.model_dump(mode="json"))
    for name, value in told.items():
        if isinstance(value, list):
            pair = CommentedSeq(value)
            pair.fa.set_flow_style()
            told[name] = pair
    return told


def _dumped(content: CommentedMap, before: str) -> str:
    text = io.StringIO()
    _yaml(before).dump(content, text)
    return text.getvalue()


def _yaml(like: str) -> YAML:
    """A reader and writer that indents as the text `like` does."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10**6
    mapping, offset = _indents(like)
    yaml.indent(mapping=mapping, sequence=offset + 2, offset=offset)
    return yaml


def _indents(text: str) -> tuple[int, int]:
    """By how much keys and dashes stand further right than the key above them; 2 and 0 where there are none."""
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    found: dict[bool, int] = {}
    for above, line in pairwise(lines):
        further = len(line) - len(line.lstrip()) - (len(above) - len(above.lstrip()))
        is_dash = line.lstrip().startswith("- ")
        if _KEY_ALONE.search(above) and further >= (0 if is_dash else 1):
            found.setdefault(is_dash, further)
    return found.get(False, 2), found.get(True, 0)


def _replace(path: Path, where: Path, text: str) -> None:
    """Give `where` the text, if it is settings that load."""
    aside: Any = None
    try:
        handle, aside = tempfile.mkstemp(prefix=f".{where.name}.", dir=where.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        _refuse_unreadable(path, Path(aside))
        os.chmod(aside, where.stat().st_mode & 0o7777 if where.exists() else 0o644)
        settle(Path(aside), where)
        aside = None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror}); see to its folder") from error
    finally:
        if aside is not None:
            os.unlink(aside)


def _refuse_unreadable(path: Path, aside: Path) -> None:
    try:
        load_settings(aside)
        load_project(aside)
    except SettingsError as error:
        raise SettingsError(
            f"{path}: would not be settings with this threshold ({str(error).removeprefix(f'{aside}: ')}); "
            "it stays as it was"
        ) from error
