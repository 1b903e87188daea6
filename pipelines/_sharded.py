"""What a stage does to one shard, wherever that is: functions of this module and small arguments, as runners want them.

Each reads a slice of the frame of the stage before, and leaves shards that are named by their content.
"""

from typing import Any, NamedTuple

from pipelines._slices import Shard, Slice, leave
from pipelines.trainability.measuring import Plan


class Repairing(NamedTuple):
    """A slice to repair, and how; `folder` is where the shard is left."""

    part: Slice
    folder: str
    apply: str


class Repaired(NamedTuple):
    """What was left of a slice, with the figures of `repair`."""

    records: Shard
    figures: dict[str, Any]


class Validating(NamedTuple):
    """A slice to validate, with the settings of `validate`; `folder` and `dropped` are where its shards are left."""

    part: Slice
    folder: str
    dropped: str
    settings: dict[str, Any]
    plan: Plan | None
    cache: str


class Validated(NamedTuple):
    """What stayed of a slice and what did not, with the figures of `validate`."""

    kept: Shard
    dropped: Shard
    figures: dict[str, Any]


def repair_shard(work: Repairing) -> Repaired:
    """`repair` of a slice."""
    from pipelines.repair import repair

    repaired = repair(work.part.read(), apply=work.apply)
    return Repaired(leave(repaired.records, work.folder), repaired.figures)


def validate_shard(work: Validating) -> Validated:
    """`validate` of a slice."""
    from pipelines.validate import validate

    outcome = validate(work.part.read(), **work.settings, plan=work.plan, cache=work.cache)
    return Validated(leave(outcome.kept, work.folder), leave(outcome.dropped, work.dropped), outcome.figures)
