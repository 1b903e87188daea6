"""What people were asked, as the store knows it: each task, how far it is, and what was said of it."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from annotation.exchange.responses import Answer
from annotation.store.database import as_utc, rows_in
from annotation.store.tables import RESPONSES, TASKS

# Ids in one statement, well below either database's limit.
_AT_ONCE = 1000
# How long a reason may be in the ledger's note.
_NOTE = 500


class Asked(NamedTuple):
    """A row of TASKS."""

    task_id: str
    kind: str
    subject: str
    record_id: str
    twin_id: str | None
    tier: str
    dataset: str
    min_submitted: int
    adjudicates: bool
    gold: str | None
    domain: str | None
    reasons: tuple[str, ...]
    run_id: str | None
    state: str
    created_at: datetime  # UTC


class Kept(NamedTuple):
    """What storing a batch of answers changed."""

    new: int
    changed: int
    answers: list[Answer]  # all of the batch, under the names that their writers have in the store


def all_asked(connection: Connection, project: str) -> dict[str, Asked]:
    """task_id -> task, of everything that the project ever gave out, oldest first."""
    query = sa.select(TASKS).where(TASKS.c.project == project).order_by(TASKS.c.created_at, TASKS.c.task_id)
    return {row.task_id: _asked(row) for row in connection.execute(query)}


def set_state(connection: Connection, task_ids: Collection[str], state: str, *, was: Collection[str] = ()) -> None:
    """Of those tasks; with `was`, of those that are in one of these states."""
    change = sa.update(TASKS).values(state=state)
    if was:
        change = change.where(TASKS.c.state.in_(list(was)))
    ids = sorted(task_ids)
    for start in range(0, len(ids), _AT_ONCE):
        connection.execute(change.where(TASKS.c.task_id.in_(ids[start : start + _AT_ONCE])))


def refusal_note(reason: str) -> str:
    """The ledger's note for a task that the server did not take."""
    return f"refused by the server: {reason}"[:_NOTE]


def keep_answers(connection: Connection, project: str, tiers: dict[str, str], answers: Iterable[Answer]) -> Kept:
    """Stores what was said last by each person of each task; `tiers` gives the tier of each task.

    `answers` are all that the server holds of their tasks. The connection's transaction must keep others from
    writing to the project (see ledger.locked).
    """
    told = list(answers)
    rows_of = sorted({answer.task_id for answer in told})
    before = [_answer(row) for row in rows_in(connection, sa.select(RESPONSES), RESPONSES.c.task_id, rows_of)]
    named = _named(told, before)
    wanted = {(answer.task_id, answer.annotator): answer for answer in named}
    known = {(answer.task_id, answer.annotator): answer for answer in before}
    fresh = [answer for key, answer in wanted.items() if key not in known]
    # A server restored from a backup tells older answers again; the newer one is what the person said last.
    changed = [
        answer
        for key, answer in wanted.items()
        if key in known and known[key] != answer and answer.updated_at >= known[key].updated_at
    ]
    rows = [answer._asdict() | {"project": project, "tier": tiers[answer.task_id]} for answer in fresh]
    if rows:
        connection.execute(sa.insert(RESPONSES), rows)
    for answer in changed:
        connection.execute(
            sa.update(RESPONSES)
            .where(RESPONSES.c.task_id == answer.task_id, RESPONSES.c.annotator == answer.annotator)
            .values(answer._asdict())
        )
    return Kept(len(fresh), len(changed), named)


def _named(told: Sequence[Answer], before: Sequence[Answer]) -> list[Answer]:
    """The answers under the names that they were first kept under: people are renamed, and leave a workspace.

    Somebody else who bears such a name by now is told apart by the response.
    """
    names = {answer.response_id: answer.annotator for answer in before}
    there = {answer.response_id for answer in told}
    taken = {(answer.task_id, answer.annotator) for answer in before if answer.response_id in there}

    def name(answer: Answer) -> str:
        if answer.response_id in names:
            return names[answer.response_id]
        is_taken = (answer.task_id, answer.annotator) in taken
        return f"{answer.annotator} ({answer.response_id[:8]})" if is_taken else answer.annotator

    return [answer._replace(annotator=name(answer)) for answer in told]


def all_answers(connection: Connection, project: str) -> dict[str, list[Answer]]:
    """task_id -> what was said of it, drafts and discards included, in the order in which it was said."""
    query = sa.select(RESPONSES).where(RESPONSES.c.project == project)
    found: dict[str, list[Answer]] = {}
    for row in connection.execute(query.order_by(RESPONSES.c.inserted_at, RESPONSES.c.response_id)):
        found.setdefault(row.task_id, []).append(_answer(row))
    return found


def _asked(row: sa.Row[Any]) -> Asked:
    given = {name: getattr(row, name) for name in Asked._fields}
    return Asked(**given | {"reasons": tuple(row.reasons), "created_at": as_utc(row.created_at)})


def _answer(row: sa.Row[Any]) -> Answer:
    given = {name: getattr(row, name) for name in Answer._fields}
    return Answer(**given | {"inserted_at": as_utc(row.inserted_at), "updated_at": as_utc(row.updated_at)})
