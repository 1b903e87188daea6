"""Decisions: what people decided of each subject, written once for each change, the last line in force."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from annotation.store.database import as_utc, reading
from annotation.store.tables import DECISIONS
from schemas.decision import BY_HAND, DECISION_SCHEMA

WITHDRAWN = "withdrawn"
"""The verdict of a line that takes back the one before: nothing is decided of its subject."""


class Decision(NamedTuple):
    """What was decided of one subject. See DECISION_SCHEMA for the columns' meaning."""

    subject: str
    kind: str
    verdict: str
    completion: str | None
    reasons: tuple[str, ...]
    comment: str | None
    domain: str | None
    ratings: dict[str, float]  # demand -> mean rating of those who rated it
    annotators: int
    method: str
    agreement: float | None
    decided_by: str | None = None  # who, where it was said by hand


class Line(NamedTuple):
    """A decision as it was written down once, in force or not."""

    decision: Decision
    at: datetime  # UTC


def decisions_in_force(engine: Engine, project: str) -> pl.DataFrame:
    """DECISION_SCHEMA: the last decision of each subject, sorted by subject."""
    with reading(engine) as connection:
        rows = [decision._asdict() for decision in in_force(connection, project).values()]
    columns = list(DECISION_SCHEMA)
    frame = pl.DataFrame([{name: row[name] for name in columns} for row in rows], schema=DECISION_SCHEMA)
    return frame.sort("subject")


def in_force(connection: Connection, project: str) -> dict[str, Decision]:
    """Subject -> the last decision of it, unless it was taken back."""
    last = sa.select(sa.func.max(DECISIONS.c.id)).where(DECISIONS.c.project == project).group_by(DECISIONS.c.subject)
    query = sa.select(DECISIONS).where(DECISIONS.c.id.in_(last), DECISIONS.c.verdict != WITHDRAWN)
    rows = connection.execute(query)
    return {row.subject: _decision(row) for row in rows}


def lines_of(connection: Connection, project: str, subjects: Collection[str]) -> list[Line]:
    """All that was ever written of these few subjects, the oldest first; what took back reads `withdrawn`."""
    mine = DECISIONS.c.project == project, DECISIONS.c.subject.in_(sorted(subjects))
    rows = connection.execute(sa.select(DECISIONS).where(*mine).order_by(DECISIONS.c.id))
    return [Line(_decision(row), as_utc(row.decided_at)) for row in rows]


def record_decisions(
    connection: Connection, project: str, decisions: Iterable[Decision], at: datetime | None = None
) -> list[Decision]:
    """Writes those decisions that say something new of their subject, and returns them.

    What was decided by hand stays until it is taken back by hand, whatever answers come to. The connection's
    transaction must keep others from writing to the project (see ledger.locked).
    """
    known = in_force(connection, project)
    # What is compared must be what will be read: JSON and SQL change nothing else.
    shown = [_storable(decision) for decision in decisions]
    new = [decision for decision in shown if _is_news(decision, known.get(decision.subject))]
    _write(connection, project, new, at)
    return new


def withdraw_decisions(
    connection: Connection, project: str, subjects: Collection[str], at: datetime | None = None
) -> list[Decision]:
    """Writes that nothing is decided of these subjects; returns the decisions that held until now, by subject.

    Under the same lock as `record_decisions`. What is not decided stays so, and nothing is written of it; what was
    decided by hand stays too.
    """
    known = in_force(connection, project)
    held = [known[subject] for subject in sorted(subjects) if subject in known]
    gone = [decision for decision in held if decision.method != BY_HAND]
    _write(connection, project, [_nothing(decision) for decision in gone], at)
    return gone


def take_back_by_hand(
    connection: Connection, project: str, subject: str, at: datetime | None = None
) -> Decision | None:
    """Writes that what was decided by hand holds no more, and what answers decided before holds again.

    Returns the decision that held until now; null, and nothing is written, where none by hand did. Under the same
    lock as `record_decisions`.
    """
    lines = [line.decision for line in lines_of(connection, project, [subject])]
    if not lines or lines[-1].method != BY_HAND:
        return None
    before = [decision for decision in lines if decision.method != BY_HAND]
    _write(connection, project, [before[-1] if before else _nothing(lines[-1])], at)
    return lines[-1]


def _is_news(decision: Decision, known: Decision | None) -> bool:
    if known is not None and known.method == BY_HAND and decision.method != BY_HAND:
        return False
    return known != decision


def _nothing(decision: Decision) -> Decision:
    return Decision(decision.subject, decision.kind, WITHDRAWN, None, (), None, None, {}, 0, WITHDRAWN, None)


def _write(connection: Connection, project: str, decisions: Iterable[Decision], at: datetime | None) -> None:
    moment = at or datetime.now(UTC)
    rows = [decision._asdict() | {"project": project, "decided_at": moment} for decision in decisions]
    if rows:
        connection.execute(sa.insert(DECISIONS), [row | {"reasons": list(row["reasons"])} for row in rows])


def _decision(row: sa.Row[Any]) -> Decision:
    given = {name: getattr(row, name) for name in Decision._fields}
    return Decision(**given | {"reasons": tuple(row.reasons)})


def _storable(decision: Decision) -> Decision:
    """PostgreSQL's text holds no NUL, so none is kept anywhere; the responses keep what was typed."""
    texts = {
        name: text.replace("\0", "\ufffd")
        for name in ("completion", "comment", "domain", "decided_by")
        if (text := getattr(decision, name)) is not None
    }
    return decision._replace(**texts)
