"""Another release that a demand holds this one against: proven first, then measured the same way."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pipelines._figures import Value, did_you_mean, figures_of, lookup, paths_of, report_of
from pipelines._groups import Wanted, measured
from pipelines._manifest import read_manifest, sha256_of, verify_files
from schemas.errors import PolicyError, ReleaseError
from schemas.manifest import MANIFEST
from schemas.policy import Demand, amount

_WAYS = tuple(
    (re.compile(pattern), way)
    for way, pattern in (
        ("higher", r"rows\.(source_rows|ledger|released|released_share|outcomes\.(train|validation|test))"),
        ("lower", r"rows\.(unreadable_share|review_share|reasons\..+)"),
        ("lower", r"rows\.outcomes\.(unreadable|dropped|duplicate|contaminated|review|rejected)"),
        ("lower", r"sources\.refused|contamination\.(removed|similar|by_benchmark\..+)"),
        ("higher", r"checks\.checked|duplicates\.recall|sources\.read"),
        ("lower", r"checks\.(failed_released|.+\.(failed|failed_share|released))"),
        ("lower", r"duplicates\.(.+\.removed|suspected|conflicts|capped)"),
        ("lower", r"diversity\.nearest_mean|difficulty\.prompt_does_not_help|toxicity\.(mean|quantiles\..+|missing)"),
        ("higher", r"diversity\.(vendi|vendi_share|verb_object_distinct|verb_object_entropy)"),
        ("higher", r"quality\.(mean|quantiles\..+|counted)|languages\..+"),
        ("lower", r"quality\.missing|exports\..+\.refused|training\.\w+\.(unrendered|skipped|truncated)"),
        ("higher", r"training\.\w+\.(rows|tokens|supervised)|exports\..+\.rows"),
        ("higher", r"splits\.(train|validation|test)\.(rows|tokens)|expectations\.(evaluated|successful)"),
        ("lower", r"splits\.leakage\.(linked_across|max_similarity|moved_from_previous)|people\.unapplied"),
        ("lower", r"expectations\.(critical_failures|warning_failures|not_evaluated)|people\.cost\.per_accepted"),
    )
)
"""Which way is better, of figures of which that is plain."""


class Compared(NamedTuple):
    """A release that was proven to be as it was made. `digest` is of its manifest."""

    path: Path
    digest: str
    figures: dict[str, Any]


class Bound(NamedTuple):
    """What another release allows, and in words. Both null: it says nothing, so nothing can be judged by it."""

    least: float | None
    most: float | None
    words: str


def direction(demand: Demand) -> str:
    """higher or lower: which way the demand's figure is better. Raises PolicyError where nobody says."""
    if demand.better:
        return demand.better
    for pattern, way in _WAYS:
        if pattern.fullmatch(demand.figure):
            return way
    raise PolicyError(f"{demand.figure}: whether more of it is better is not known; say `better: higher` or `lower`")


@lru_cache(maxsize=16)
def _proven(path: Path, _digest: str) -> Compared:
    manifest = read_manifest(path)
    verify_files(path, manifest)
    report = report_of(path)
    if report.run.run_id != manifest.run_id:
        raise ReleaseError(f"{path}: report.json is of another run than the manifest; compare with another release")
    return Compared(path, _digest, figures_of(report))


def compared(demand: Demand) -> Compared:
    """The release that `no_worse_than` names; its sources need not be at hand. Raises ReleaseError."""
    path = Path(demand.no_worse_than or "")
    read_manifest(path)
    return _proven(path, sha256_of(path / MANIFEST))


def before(demand: Demand, other: Compared) -> dict[str, Value]:
    """What the other release has of the figure, by group; "" for all rows. No entry: no such group there."""
    path = demand.figure
    try:
        value = lookup(other.figures, path)
    except PolicyError as error:
        near = did_you_mean(path, paths_of(other.figures))
        raise PolicyError(f"{path}: the report of {other.path.name} has no such figure{near}") from error
    if demand.where is None and demand.each is None:
        return {"": value}
    try:
        return {**measured(other.path, Wanted(path, demand.where, demand.each), other.figures)}
    except PolicyError:
        return {}  # no such group there


def bound(demand: Demand, was: Value, name: str) -> Bound:
    """How far the figure may fall behind `was`."""
    if isinstance(was, bool | str | None):
        return Bound(None, None, f"no worse than {name}, which has no such figure measured")
    slack = amount(demand.by or 0.0, was)
    words = demand.comparison.replace(f"than {name}", f"than {name} ({was:g})", 1)
    if direction(demand) == "higher":
        return Bound(was - slack, None, words)
    return Bound(None, was + slack, words)
