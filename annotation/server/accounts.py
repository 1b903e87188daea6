"""Who may log in to the embedded server: an owner, and the annotators that the settings name."""

from pathlib import Path
from typing import Any, NamedTuple

from annotation.server.embedded.private import read_json, write_private_json
from schemas.errors import AnnotationError
from schemas.settings import AnnotationSettings

OWNER = "owner"
# Argilla allows any; beyond this a name is not one that a person types.
MAX_NAME = 100


class Account(NamedTuple):
    """One who may log in. `workspaces` is empty for the owner, who sees all."""

    username: str
    role: str  # owner or annotator
    workspaces: tuple[str, ...]
    password: str
    api_key: str


def order(settings: AnnotationSettings) -> dict[str, Any]:
    """The accounts and workspaces that the settings want, as the server's process reads them.

    One workspace a tier; an annotator is a member of his tiers' only. Raises AnnotationError for a name that
    cannot be an account.
    """
    tiers: dict[str, list[str]] = {}
    for tier, said in settings.tiers.items():
        _check(tier, "tier")
        for name in said.annotators:
            _check(name, "annotator")
            tiers.setdefault(name, []).append(tier)
    if OWNER in tiers:
        raise AnnotationError(f"annotator {OWNER!r}: the owner's account has this name; choose another")
    people = [{"username": name, "role": "annotator", "workspaces": sorted(set(its))} for name, its in tiers.items()]
    owner = {"username": OWNER, "role": "owner", "workspaces": []}
    return {"accounts": [owner, *people], "workspaces": list(settings.tiers), "owner": OWNER}


def credentials(folder: Path) -> tuple[Account, ...]:
    """Every account that Assay made in the server of this folder, the owner first; empty where there is none.

    Raises AnnotationError when the file cannot be read.
    """
    path = folder / "credentials.json"
    said = read_json(path)
    if said is None and path.exists():
        raise AnnotationError(f"{path} is not JSON; restore it, or remove it and lose the passwords in it")
    try:
        made = [Account(**{**one, "workspaces": tuple(one["workspaces"])}) for one in said or []]
    except (TypeError, KeyError) as error:
        raise AnnotationError(
            f"{path} does not hold accounts; restore it, or remove it and lose the passwords"
        ) from error
    return tuple(sorted(made, key=lambda one: (one.role != "owner", one.username)))


def untold(folder: Path) -> tuple[Account, ...]:
    """Those of `credentials` that nobody was shown yet: a start that failed, or was killed, may have made some."""
    told = read_json(folder / "told.json") or []
    return tuple(one for one in credentials(folder) if one.username not in told)


def mark_told(folder: Path, shown: tuple[Account, ...]) -> None:
    """Those were shown."""
    told = {*(read_json(folder / "told.json") or []), *(one.username for one in shown)}
    write_private_json(folder / "told.json", sorted(told))


def _check(name: str, what: str) -> None:
    if not name.strip() or name != name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise AnnotationError(
            f"{what} {name[:40]!r}: a name has 1 to {MAX_NAME} printable characters and no space around it; "
            "correct annotation.tiers in the settings"
        )
