"""The budget: work is given out only while every limit allows its whole price, and paid once when it is done.

Each function here is one transaction under the project's lock. What counts against which limit, and in which
month, stands in annotation/spending/forecast.py.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy import Engine

from annotation.asking.tasks import Task
from annotation.spending.forecast import (
    Forecast,
    Limits,
    count_tasks,
    forecast,
    forecast_lines,
    foreseen,
    limits,
)
from annotation.spending.ledger import About, Entry, Locked, append, book, locked, release, reserve
from annotation.spending.money import show
from annotation.spending.promises import Promised, note_tasks, paid_for, promises, states_of, tasks_of, unfunded
from annotation.store.asked import set_state
from schemas.errors import BudgetError
from schemas.settings import AnnotationSettings

__all__ = [
    "Booked",
    "Earned",
    "Forecast",
    "Limits",
    "Reservation",
    "book_in",
    "book_responses",
    "count_tasks",
    "forecast",
    "forecast_lines",
    "limits",
    "release_tasks",
    "reserve_tasks",
    "withdraw_tasks",
]

OPEN = ("reserved", "pushed")
"""States of a task that people may still answer."""


class Earned(Protocol):
    """What `book_responses` needs to know of a submitted response."""

    @property
    def response_id(self) -> str: ...
    @property
    def task_id(self) -> str: ...
    @property
    def annotator(self) -> str: ...


class Reservation(NamedTuple):
    """What became of tasks: each stands in exactly one of the two."""

    new: tuple[str, ...]  # task_ids that are reserved now, in their order
    known: dict[str, str]  # task_id -> its state: given out before, and not paid for twice
    amount: int  # newly reserved, smallest units


class Booked(NamedTuple):
    """What became of responses: each stands in exactly one of the first four."""

    new: tuple[str, ...]  # response_ids
    known: tuple[str, ...]  # were booked before
    repeated: tuple[str, ...]  # this person was paid for this task already, for a response that is gone
    unknown: tuple[str, ...]  # nobody gave out such a task
    amount: int  # newly booked, smallest units
    overdrawn: int  # of it, beyond what its tasks had reserved


def reserve_tasks(
    engine: Engine,
    tasks: Sequence[Task],
    settings: AnnotationSettings,
    run_id: str | None = None,
    at: datetime | None = None,
) -> Reservation:
    """Reserve price x min_submitted for each task that is not given out yet, and note it with state "reserved".

    Either all of it is written or nothing. A task that was withdrawn, or whose money went back otherwise before
    anybody answered, is reserved anew. Raises BudgetError naming the limit that does not allow it, and
    SettingsError for a tier that there is not.
    """
    wanted = {task.task_id: task for task in tasks}
    with locked(engine, settings.project, settings.currency, at) as lock:
        states = states_of(lock, list(wanted))
        bare = unfunded(lock.connection, states)
        new = [one for name, one in wanted.items() if states.get(name, "withdrawn") == "withdrawn" or name in bare]
        expected = foreseen(count_tasks(new), settings, lock.connection, lock.at)
        _allow(expected)
        prices = {tier.tier: tier.price for tier in expected.tiers}
        before = promises(lock.connection, [task.task_id for task in new if task.task_id in states])
        append(lock, [_promise(task, prices[task.tier], before.get(task.task_id), run_id) for task in new])
        note_tasks(lock, new, states, run_id)
    ids = tuple(task.task_id for task in new)
    return Reservation(ids, {name: state for name, state in states.items() if name not in ids}, expected.amount)


def book_responses(
    engine: Engine,
    responses: Iterable[Earned],
    settings: AnnotationSettings,
    run_id: str | None = None,
    at: datetime | None = None,
) -> Booked:
    """Book each submitted response at the price its task was reserved at: once, however often it is given.

    A response beyond the reservation is booked all the same, for money earned is money owed. Of one person's
    responses to one task only the first is paid: who deletes an answer and gives another has answered once.
    """
    with locked(engine, settings.project, settings.currency, at) as lock:
        return book_in(lock, responses, run_id)


def book_in(lock: Locked, responses: Iterable[Earned], run_id: str | None = None) -> Booked:
    """`book_responses` within a transaction that does more than that."""
    given = {response.response_id: response for response in responses}
    tasks = tasks_of(lock, sorted({response.task_id for response in given.values()}))
    paid = paid_for(lock.connection, list(tasks))
    owed, known, repeated, unknown = _sort_out(given.values(), tasks.keys(), paid)
    entries = _bookings(owed, tasks, promises(lock.connection, list(tasks)), run_id)
    append(lock, entries)
    amount = sum(entry.amount for entry in entries if entry.kind == "book")
    covered = sum(entry.amount for entry in entries if entry.kind == "release")
    return Booked(_ids(owed), _ids(known), _ids(repeated), _ids(unknown), amount, amount - covered)


def release_tasks(
    engine: Engine,
    task_ids: Sequence[str],
    settings: AnnotationSettings,
    note: str,
    run_id: str | None = None,
    at: datetime | None = None,
) -> int:
    """Give back what these tasks still have reserved; the sum, which is 0 the second time. States stay as they are."""
    with locked(engine, settings.project, settings.currency, at) as lock:
        return _give_back(lock, dict.fromkeys(task_ids, note), run_id)


def withdraw_tasks(
    engine: Engine,
    why: Mapping[str, str],
    settings: AnnotationSettings,
    run_id: str | None = None,
    at: datetime | None = None,
) -> int:
    """Take back those of these tasks that are open: nothing is reserved for them, and their state is "withdrawn".

    `why` is task_id -> the ledger's note. Returns what was given back. Both happen or neither does, so that no
    task is left to be sent without its money.
    """
    with locked(engine, settings.project, settings.currency, at) as lock:
        states = states_of(lock, sorted(why))
        still = {name: note for name, note in why.items() if states.get(name) in OPEN}
        set_state(lock.connection, list(still), "withdrawn")
        return _give_back(lock, still, run_id)


def _give_back(lock: Locked, why: Mapping[str, str], run_id: str | None) -> int:
    """What these tasks still have reserved; `why` is task_id -> the ledger's note."""
    tasks = tasks_of(lock, sorted(why))
    entries = [
        release(promise.left, _about(tasks[name], None, run_id), promise.month, why[name], promise.times)
        for name, promise in promises(lock.connection, list(tasks)).items()
        if promise.left
    ]
    append(lock, entries)
    return sum(entry.amount for entry in entries)


def _allow(expected: Forecast) -> None:
    broken = expected.breaks
    if broken is None:
        return

    def money(minor: int | None) -> str:
        return show(minor or 0, expected.currency)

    raise BudgetError(
        f"the limit of {broken.name} is {money(broken.limit)}: {money(broken.spent)} is spent and "
        f"{money(broken.reserved)} reserved, {money(broken.left)} is left, and the tasks ask for "
        f"{money(broken.asked)}; nothing was given out: raise {broken.setting}, or send fewer or cheaper tasks"
    )


def _promise(task: Task, price: int, before: Promised | None, run_id: str | None) -> Entry:
    about = About(task.tier, task.record_id, task.task_id, run_id=run_id, reasons=task.reasons)
    return reserve(price * task.min_submitted, about, 1 + (before.times if before else 0))


def _ids(responses: Iterable[Earned]) -> tuple[str, ...]:
    return tuple(response.response_id for response in responses)


def _sort_out(
    responses: Iterable[Earned], tasks: Collection[str], paid: dict[tuple[str, str], str]
) -> tuple[list[Earned], list[Earned], list[Earned], list[Earned]]:
    """Responses that are owed, that were booked before, that repeat a paid one, and of tasks nobody gave out.

    A response that was booked stays so, whatever its writer is called by now.
    """
    paid, booked = dict(paid), set(paid.values())
    owed, known, repeated, unknown = [], [], [], []
    for response in responses:
        person = (response.task_id, response.annotator)
        if response.task_id not in tasks:
            unknown.append(response)
        elif response.response_id in booked:
            known.append(response)
        elif person not in paid:
            paid[person] = response.response_id
            owed.append(response)
        else:
            repeated.append(response)
    return owed, known, repeated, unknown


def _bookings(
    owed: Sequence[Earned], tasks: dict[str, sa.Row[Any]], promised: dict[str, Promised], run_id: str | None
) -> list[Entry]:
    left = {name: promise.left for name, promise in promised.items()}
    entries: list[Entry] = []
    for response in owed:
        task, promise = tasks[response.task_id], promised[response.task_id]
        price = promise.amount // task.min_submitted
        entries += book(price, _about(task, response, run_id), left[task.task_id], promise.month)
        left[task.task_id] -= min(price, left[task.task_id])
    return entries


def _about(task: sa.Row[Any], response: Earned | None, run_id: str | None) -> About:
    return About(
        task.tier,
        task.record_id,
        task.task_id,
        response.annotator if response else None,
        response.response_id if response else None,
        run_id,
        tuple(task.reasons),
    )
