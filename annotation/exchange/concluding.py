"""What the answers come to is written down: what is decided now, and what is not decided any more."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from annotation.exchange.client import Client
from annotation.judging.deciding import Opinions, Result
from annotation.spending.budget import release_tasks
from annotation.spending.ledger import locked
from annotation.store.asked import Asked, set_state
from annotation.store.decisions import Decision, record_decisions, withdraw_decisions
from schemas.settings import AnnotationSettings


class Concluded(NamedTuple):
    """What a pull wrote down."""

    new: tuple[Decision, ...]  # new or changed
    retracted: tuple[Decision, ...]  # held until now: the answers decide nothing of their subjects any more
    tasks: list[Asked]  # all, with those open again whose answers were taken back
    released: int  # reserved before and not needed, smallest units


def conclude(
    tasks: Sequence[Asked],
    answered: Collection[str],
    opinions: Opinions,
    final: Mapping[str, Result],
    undecided: Sequence[Result],
    *,
    client: Client,
    engine: Engine,
    settings: AnnotationSettings,
    run_id: str | None,
) -> Concluded:
    """Writes down what decides (`final`, by subject) and what does not.

    `answered` are the tasks of which anything was said, drafts and discards included.
    """
    done = _done(tasks, final, opinions)
    # Nobody has to settle what people agree on by now; should they disagree again, it is asked again.
    needless = [task for task in done if task.adjudicates and task.task_id not in answered]
    # Who answered it a moment ago is heard by the next pull.
    left = _take_back(client, needless)
    ids = [task.task_id for task in done if task.task_id not in left]
    again = {task.task_id: task.subject for task in _open_again(tasks, final, opinions)}
    doubtful = {*again.values()} | {one.task.subject for one in undecided if one.belongs is None}
    # Given back first: what is decided has nothing reserved, whenever this is cut short.
    released = release_tasks(engine, ids, settings, "decided", run_id) if ids else 0
    decisions = [result.decision for result in final.values() if result.decision is not None]
    with locked(engine, settings.project, settings.currency) as lock:
        new = record_decisions(lock.connection, settings.project, decisions, lock.at)
        retracted = withdraw_decisions(lock.connection, settings.project, doubtful, lock.at)
        set_state(lock.connection, ids, "decided")
        set_state(lock.connection, {task.task_id for task in needless} - left, "withdrawn")
        set_state(lock.connection, again, "pushed", was=("decided",))
        escalated = [result.task.task_id for result in undecided if not result.task.adjudicates]
        set_state(lock.connection, escalated, "escalated", was=("reserved", "pushed", "decided"))
    now = [task._replace(state="pushed") if task.task_id in again else task for task in tasks]
    return Concluded(tuple(new), tuple(retracted), now, released)


def _done(tasks: Sequence[Asked], final: Mapping[str, Result], opinions: Opinions) -> list[Asked]:
    """The open tasks that need no more answers. Gold does when it has its answers, whatever they are."""
    return [
        task
        for task in tasks
        if task.state not in ("decided", "withdrawn")
        and (task.subject in final if task.gold is None else len(opinions.get(task.task_id, ())) >= task.min_submitted)
    ]


def _open_again(tasks: Sequence[Asked], final: Mapping[str, Result], opinions: Opinions) -> list[Asked]:
    """The tasks that were decided, and whose answers have been taken back since."""
    return [
        task
        for task in tasks
        if task.state == "decided"
        and task.gold is None
        and task.subject not in final
        and len(opinions.get(task.task_id, ())) < task.min_submitted
    ]


def _take_back(client: Client, tasks: Sequence[Asked]) -> set[str]:
    """Off the server, where they are on it. Returns those that stay, because somebody has begun to answer."""
    left: set[str] = set()
    for tier, name in sorted({(task.tier, task.dataset) for task in tasks}):
        if (dataset := client.find_dataset(tier, name)) is not None:
            mine = {task.task_id for task in tasks if (task.tier, task.dataset) == (tier, name)}
            left |= client.withdraw(dataset, mine, answered=False)
    return left
