"""What was given out: the rows of tasks, and what the ledger says is promised and paid for each."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from annotation.asking.routing import ADJUDICATION
from annotation.asking.tasks import Task
from annotation.spending.ledger import Locked
from annotation.store.database import rows_in
from annotation.store.tables import ENTRIES, TASKS
from schemas.errors import StoreError


class Promised(NamedTuple):
    """What the ledger says of a task's reservation."""

    left: int
    amount: int  # of the last reservation
    month: str  # of the last reservation
    times: int


def promises(connection: Connection, task_ids: Sequence[str]) -> dict[str, Promised]:
    """What is reserved for each of these tasks that ever was."""
    query = sa.select(ENTRIES.c.task_id, ENTRIES.c.kind, ENTRIES.c.amount, ENTRIES.c.month)
    query = query.where(ENTRIES.c.kind.in_(["reserve", "release"])).order_by(ENTRIES.c.id)
    found: dict[str, Promised] = {}
    for task_id, kind, amount, month in rows_in(connection, query, ENTRIES.c.task_id, task_ids):
        promise = found.get(task_id, Promised(0, 0, month, 0))
        if kind == "reserve":
            found[task_id] = Promised(promise.left + amount, amount, month, promise.times + 1)
        else:
            found[task_id] = promise._replace(left=promise.left - amount)
    return found


def unfunded(connection: Connection, states: Mapping[str, str]) -> set[str]:
    """Those of the tasks (task_id -> state) that are "reserved" and have nothing reserved, nor ever cost anything.

    Their money went back and their state was not told; sent like that, they would cost what nobody promised.
    """
    waiting = [task_id for task_id, state in states.items() if state == "reserved"]
    empty = {name for name, promise in promises(connection, waiting).items() if promise.amount and not promise.left}
    return empty - {task_id for task_id, _ in paid_for(connection, sorted(empty))}


def note_tasks(lock: Locked, tasks: Sequence[Task], states: dict[str, str], run_id: str | None) -> None:
    """Write the rows of tasks that are reserved now; one that has a state already had its money given back."""
    rows = [_task_row(lock, task, run_id) for task in tasks]
    first = [row for row in rows if row["task_id"] not in states]
    again = [row | {"of": row["task_id"]} for row in rows if row["task_id"] in states]
    if first:
        lock.connection.execute(sa.insert(TASKS), first)
    if again:
        changed = sa.update(TASKS).where(TASKS.c.task_id == sa.bindparam("of"))
        lock.connection.execute(changed, again)


def tasks_of(lock: Locked, task_ids: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """The rows of this project's tasks among these."""
    query = sa.select(TASKS).where(TASKS.c.project == lock.project)
    return {row.task_id: row for row in rows_in(lock.connection, query, TASKS.c.task_id, task_ids)}


def states_of(lock: Locked, task_ids: Sequence[str]) -> dict[str, str]:
    """task_id -> state, of those that were given out. Raises StoreError for a task of another project."""
    query = sa.select(TASKS.c.task_id, TASKS.c.state, TASKS.c.project)
    rows = list(rows_in(lock.connection, query, TASKS.c.task_id, task_ids))
    for row in rows:
        if row.project != lock.project:
            raise StoreError(
                f"task {row.task_id} belongs to project {row.project!r} in this database, not to {lock.project!r}; "
                "give the projects databases of their own"
            )
    return {row.task_id: row.state for row in rows}


def paid_for(connection: Connection, task_ids: Sequence[str]) -> dict[tuple[str, str], str]:
    """(task_id, annotator) -> the response_id that was paid."""
    query = sa.select(ENTRIES.c.task_id, ENTRIES.c.annotator, ENTRIES.c.response_id).where(ENTRIES.c.kind == "book")
    rows = rows_in(connection, query, ENTRIES.c.task_id, task_ids)
    return {(row.task_id, row.annotator): row.response_id for row in rows}


def _task_row(lock: Locked, task: Task, run_id: str | None) -> dict[str, Any]:
    columns = ("task_id", "subject", "record_id", "twin_id", "tier", "dataset", "min_submitted", "gold", "domain")
    return {
        **{name: getattr(task, name) for name in columns},
        "project": lock.project,
        "kind": str(task.kind),
        "adjudicates": task.dataset.endswith(ADJUDICATION),
        "reasons": list(task.reasons),
        "run_id": run_id,
        "state": "reserved",
        "created_at": lock.at,
    }
