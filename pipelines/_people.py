"""What the store knows of people when a run begins: their decisions, and what they cost."""

from hashlib import sha256
from typing import Any, NamedTuple

import orjson
import polars as pl

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
    from annotation.store.database import open_existing
    from annotation.store.decisions import decisions_in_force

    engine = open_existing()
    if engine is None:
        return Known(pl.DataFrame(schema=DECISION_SCHEMA), None)
    try:
        return Known(decisions_in_force(engine, settings.project), _cost(engine, settings))
    finally:
        engine.dispose()


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
