"""Withdrawing: tasks that nobody has answered are taken off the server, and what they had reserved is given back.

What somebody has begun to answer stays, be it a draft: nobody's work is thrown away.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine

from annotation.exchange.client import Client
from annotation.exchange.remote import Remote
from annotation.spending.budget import OPEN, withdraw_tasks
from annotation.spending.promises import promises
from annotation.store.asked import Asked, all_answers, all_asked
from annotation.store.database import reading
from schemas.settings import AnnotationSettings

NOTE = "withdrawn before anybody answered"
"""The ledger's note for what a withdrawn task had reserved."""

Takes = Callable[[Asked, Mapping[str, Any]], bool]
"""Whether a task is to be withdrawn; it is given the task, and what the server can filter it by (empty: not there)."""


class Withdrawn(NamedTuple):
    """What was taken back, or would be."""

    by_dataset: dict[str, tuple[str, ...]]  # "tier/dataset" -> task_ids
    freed: int  # what they had reserved, smallest units of the currency
    answered: int  # tasks that would have been, had nobody answered them: they stay
    missing_datasets: tuple[str, ...]  # that the server does not have, so nobody can answer their tasks there


class _Held(NamedTuple):
    """What the server holds of a dataset."""

    metadata: dict[str, dict[str, Any]]  # task_id -> what it can be filtered by
    answered: set[str]  # task_ids of which something was said, drafts included, or the server cannot tell


def withdraw(
    takes: Takes,
    *,
    client: Client,
    engine: Engine,
    settings: AnnotationSettings,
    run_id: str | None = None,
    dry_run: bool = False,
) -> Withdrawn:
    """Withdraw the open tasks of the project that `takes` names and nobody has answered; or only say which.

    Deleted first, then given back: cut short anywhere, doing it again does the rest. Raises AnnotationError and
    StoreError where server or database fail.
    """
    with reading(engine) as connection:
        tasks = [task for task in all_asked(connection, settings.project).values() if task.state in OPEN]
        said = all_answers(connection, settings.project).keys()
    taken: dict[str, tuple[str, ...]] = {}
    freed = answered = 0
    missing = []
    for (tier, name), group in _by_dataset(tasks).items():
        dataset = client.find_dataset(tier, name)
        held = _held(client, dataset)
        chosen = [task.task_id for task in group if takes(task, held.metadata.get(task.task_id, {}))]
        free = [task_id for task_id in chosen if task_id not in said and task_id not in held.answered]
        if dataset is not None and not dry_run:
            free = _delete(client, dataset, free)
        if free:
            taken[f"{tier}/{name}"] = tuple(free)
            freed += _reserved(engine, free) if dry_run else _take_back(engine, free, settings, run_id)
        answered += len(chosen) - len(free)
        missing += [f"{tier}/{name}"] if chosen and dataset is None else []
    return Withdrawn(taken, freed, answered, tuple(missing))


def left_over(
    waiting: Collection[tuple[str, str]], record_ids: Collection[str], sources: Collection[str], run_id: str
) -> Takes:
    """The tasks of a release that it does not wait for any more; `waiting` has the kind and subject of those it does.

    A task is the release's if it was pushed by the same run, is about one of its records, or about a row of one
    of its sources: a row that changed is another record. Gold measures people as long as it is open, and stays.
    """

    def takes(task: Asked, metadata: Mapping[str, Any]) -> bool:
        its = task.run_id == run_id or task.record_id in record_ids or metadata.get("source") in sources
        return its and task.gold is None and (task.kind, task.subject) not in waiting

    return takes


def _held(client: Client, dataset: Remote | None) -> _Held:
    held = _Held({}, set())
    for page in client.responses(dataset) if dataset is not None else ():
        held.metadata.update(page.metadata)
        held.answered.update(page.unreadable, (answer.task_id for answer in page.answers))
    return held


def _delete(client: Client, dataset: Remote, task_ids: Sequence[str]) -> list[str]:
    """Off the server; returns what is not on it now. Who began to answer in this moment keeps the task."""
    if not task_ids:
        return []
    client.withdraw(dataset, set(task_ids), answered=False)
    still = client.external_ids(dataset)
    return [task_id for task_id in task_ids if task_id not in still]


def _take_back(engine: Engine, task_ids: Sequence[str], settings: AnnotationSettings, run_id: str | None) -> int:
    return withdraw_tasks(engine, dict.fromkeys(task_ids, NOTE), settings, run_id)


def _reserved(engine: Engine, task_ids: Sequence[str]) -> int:
    with reading(engine) as connection:
        return sum(promise.left for promise in promises(connection, task_ids).values())


def _by_dataset(tasks: Sequence[Asked]) -> dict[tuple[str, str], list[Asked]]:
    groups: dict[tuple[str, str], list[Asked]] = {}
    for task in sorted(tasks, key=lambda task: (task.tier, task.dataset, task.task_id)):
        groups.setdefault((task.tier, task.dataset), []).append(task)
    return groups
