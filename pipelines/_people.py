"""What the store knows of people when a run begins: their decisions, and what they cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
import polars as pl

from annotation.home import database_file, in_home
from schemas.decision import DECISION_SCHEMA
from schemas.report import Agreement, Cost, Forecast
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


def agreement_of(settings: AnnotationSettings) -> list[Agreement]:
    """How far people agree, by tier, kind and question, where several answered. Raises as `decided` does."""
    with store() as engine:
        return [] if engine is None else _agreement(engine, settings)


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
    if engine is None:
        return pl.DataFrame(schema=DECISION_SCHEMA)  # without importing what reads them
    from annotation.store.decisions import decisions_in_force

    return decisions_in_force(engine, settings.project)


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
        forecast=Forecast.model_validate(report.to_finish.model_dump()),
    )


def _agreement(engine: Any, settings: AnnotationSettings) -> list[Agreement]:
    from annotation.judging.measures import measures
    from annotation.judging.said import opinions_of
    from annotation.store.asked import all_answers, all_asked
    from annotation.store.database import reading

    with reading(engine) as connection:
        tasks = list(all_asked(connection, settings.project).values())
        answers = all_answers(connection, settings.project)
    return [
        Agreement(
            tier=one.tier,
            kind=one.kind,
            question=one.question,
            alpha=one.alpha.value,
            low=one.alpha.low,
            high=one.alpha.high,
            tasks=one.alpha.tasks,
            why=one.alpha.why,
        )
        for one in measures(tasks, opinions_of(settings.project, tasks, answers))
        if one.alpha.tasks
    ]


def digest(decisions: pl.DataFrame) -> str:
    """SHA-256 (hex) of the decisions in force: equal decisions, equal digest."""
    return sha256(orjson.dumps(decisions.to_dicts())).hexdigest()
