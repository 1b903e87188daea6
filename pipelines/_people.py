"""What the store knows of people when a run begins: their decisions, and what they cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
import polars as pl

from annotation.home import database_file, in_home
from schemas.decision import DECISION_SCHEMA
from schemas.report import Cost
from schemas.settings import AnnotationSettings

DECISIONS = "decisions"
"""The name under which a manifest lists what people decided, among its inputs."""


class Known(NamedTuple):
    """DECISION_SCHEMA, and the costs; null where nothing was ever given out."""

    decisions: pl.DataFrame
    cost: Cost | None


def decided(settings: AnnotationSettings) -> Known:
    """What the project's store holds. A run makes no store: without one, nothing was decided.

    Raises StoreError when there is one that cannot be read.
    """
    with store() as engine:
        return Known(_in_force(engine, settings), _cost(engine, settings) if engine else None)


def decisions_of(settings: AnnotationSettings) -> pl.DataFrame:
    """The decisions alone, without the sums over all costs. Raises StoreError as `decided` does."""
    with store() as engine:
        return _in_force(engine, settings)


def given_out(settings: AnnotationSettings) -> dict[str, int]:
    """task_id -> how many people answer it, of all that was given out and not taken back. Raises as `decided` does."""
    from annotation.store.asked import all_asked
    from annotation.store.database import reading

    with store() as engine:
        if engine is None:
            return {}
        with reading(engine) as connection:
            tasks = all_asked(connection, settings.project).values()
    return {task.task_id: task.min_submitted for task in tasks if task.state != "withdrawn"}


@contextmanager
def store() -> Iterator[Any]:
    """The store's engine; null where there is no store yet."""
    if in_home() and not database_file().exists():
        yield None  # without importing what opens it
        return
    from annotation.store.database import open_existing

    engine = open_existing()
    try:
        yield engine
    finally:
        if engine is not None:
            engine.dispose()


def _in_force(engine: Any, settings: AnnotationSettings) -> pl.DataFrame:
    from annotation.store.decisions import decisions_in_force

    return pl.DataFrame(schema=DECISION_SCHEMA) if engine is None else decisions_in_force(engine, settings.project)


def _cost(engine: Any, settings: AnnotationSettings) -> Cost | None:
    from annotation.spending.costs import costs

    report = costs(engine, settings)
    if not report.spent and not report.reserved:
        return None
    return Cost(
        currency=report.currency,
        spent=report.spent,
        reserved=report.reserved,
        left=report.left,
        per_accepted=report.per_accepted,
        by_tier={tier.name: tier.spent for tier in report.tiers},
    )


def digest(decisions: pl.DataFrame) -> str:
    """SHA-256 (hex) of the decisions in force: equal decisions, equal digest."""
    return sha256(orjson.dumps(decisions.to_dicts())).hexdigest()
