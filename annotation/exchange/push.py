"""Push: tasks are reserved, sent to the server and noted as sent, each once, however often it is tried.

The store is the truth about what was promised, the server about what it holds. A task is noted and paid for
before it is sent; what is noted and not on the server is sent, whether it never arrived or was lost.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from annotation.asking.questions import DatasetSpec, dataset_spec
from annotation.asking.routing import ADJUDICATION
from annotation.asking.tasks import Task
from annotation.exchange.batches import Refused
from annotation.exchange.client import Client
from annotation.exchange.remote import Remote
from annotation.spending.budget import (
    OPEN,
    Forecast,
    count_tasks,
    forecast,
    reserve_tasks,
    withdraw_tasks,
)
from annotation.spending.forecast import Standing, standings
from annotation.spending.promises import unfunded
from annotation.store.asked import Asked, all_answers, all_asked, refusal_note, set_state
from annotation.store.database import reading
from schemas.errors import AnnotationError
from schemas.settings import AnnotationSettings

Say = Callable[[str], None]


class Pushed(NamedTuple):
    """What became of the tasks."""

    new: int  # sent now
    already: int  # on the server before, or asked under another task
    settled: int  # decided or escalated: not asked again
    resent: int  # of `new`: the server had lost them
    refused: tuple[Refused, ...]  # the server does not take them; what they had reserved was given back
    by_dataset: dict[str, int]  # "tier/dataset" -> sent now
    reserved: int  # newly reserved, smallest units of the currency
    forecast: Forecast  # of what was newly reserved, before it was
    standings: tuple[Standing, ...]  # each limit, after it was
    absent: tuple[tuple[str, str], ...]  # (tier, annotator) of the settings without an account


class Plan(NamedTuple):
    """What is to be done with tasks, before anything is."""

    ask: list[Task]  # to be reserved where they are not, and sent where they are not there
    new: list[Task]  # of them: not given out yet
    twice: int  # their subject is asked under another task
    settled: int


def plan(tasks: Sequence[Task], engine: Engine, settings: AnnotationSettings) -> Plan:
    """Which of the tasks are to be sent. Writes nothing."""
    with reading(engine) as connection:
        known = all_asked(connection, settings.project)
        answers = all_answers(connection, settings.project)
        bare = unfunded(connection, {name: task.state for name, task in known.items()})
    # What was taken back, and is to be given out all the same: the server did not take it then, or it is needed again.
    again = {name for name, task in known.items() if task.state == "withdrawn"}
    answered = {name: sum(one.status == "submitted" for one in given) for name, given in answers.items()}
    asked_of = {task.subject: name for name, task in known.items() if _stands_for_its_subject(task)}
    ask: dict[str, Task] = {}
    twice = settled = 0
    for task in tasks:
        before = known.get(task.task_id)
        first = asked_of.setdefault(task.subject, task.task_id) if _stands_for_its_subject(task) else task.task_id
        if before is None and first != task.task_id:
            twice += 1
        elif before is None or task.task_id in again:
            ask[task.task_id] = task
        elif before.state in OPEN and answered.get(task.task_id, 0) < before.min_submitted:
            # Where it was sent first it stays, whatever the rules say by now.
            again_there = task._replace(tier=before.tier, dataset=before.dataset)
            ask[task.task_id] = again_there._replace(min_submitted=before.min_submitted)
        else:
            settled += 1
    new = [task for task in ask.values() if task.task_id not in known or task.task_id in again | bare]
    return Plan(list(ask.values()), new, twice, settled)


def push(
    tasks: Sequence[Task],
    *,
    client: Client,
    engine: Engine,
    settings: AnnotationSettings,
    run_id: str | None = None,
    progress: Say | None = None,
    foretell: Callable[[Forecast], None] | None = None,
) -> Pushed:
    """Give the tasks out; before anything is reserved `foretell` is told what the new ones will cost.

    Raises BudgetError before anything is sent where a limit does not allow them all, and AnnotationError where
    the server fails on the way: what was sent then is noted, and the next push sends the rest.
    """
    say = progress or (lambda line: None)
    wanted = plan(tasks, engine, settings)
    groups = _grouped(wanted.ask)
    asked = {where: _spec(group, settings) for where, group in groups.items()}
    for (tier, dataset), spec in asked.items():
        client.check_dataset(tier, dataset, spec)
    expected = forecast(count_tasks(wanted.new), settings, engine)
    if foretell and wanted.new:
        foretell(expected)
    reservation = reserve_tasks(engine, wanted.ask, settings, run_id)
    sending = _Sending(client, engine, settings, say, len(wanted.ask))
    for (tier, dataset), group in groups.items():
        sending.send(client.ensure_dataset(tier, dataset, asked[tier, dataset]), group)
    tiers = sorted({tier for tier, _ in groups})
    people = {tier: settings.tiers[tier].annotators for tier in tiers if tier in settings.tiers}
    absent = [(tier, name) for tier, names in people.items() for name in client.ensure_members(tier, names)]
    with reading(engine) as connection:
        left = standings(settings, connection)
    return Pushed(
        new=sending.sent.total(),
        already=sending.there + wanted.twice,
        settled=wanted.settled,
        resent=sending.resent,
        refused=tuple(sending.refused),
        by_dataset=dict(sending.sent),
        reserved=reservation.amount,
        forecast=expected,
        standings=left,
        absent=tuple(absent),
    )


class _Sending:
    """Tasks on their way, and the counts of what became of them."""

    def __init__(self, client: Client, engine: Engine, settings: AnnotationSettings, say: Say, total: int) -> None:
        self.sent: Counter[str] = Counter()
        self.refused: list[Refused] = []
        self.there = self.resent = 0
        self._client, self._engine, self._settings = client, engine, settings
        self._say, self._total = say, total
        with reading(engine) as connection:
            known = all_asked(connection, settings.project)
        self._pushed = {task_id for task_id, task in known.items() if task.state == "pushed"}

    def send(self, dataset: Remote, tasks: list[Task]) -> None:
        """Sends what the server does not have."""
        where = f"{dataset.workspace}/{dataset.name}"
        try:
            held = self._client.external_ids(dataset)
            self._note(task.task_id for task in tasks if task.task_id in held)
            self.there += sum(task.task_id in held for task in tasks)
            for batch in self._client.upsert(dataset, [task for task in tasks if task.task_id not in held]):
                self._note(batch.task_ids)
                self._give_back(batch.refused)
                self.sent[where] += len(batch.task_ids)
                self.resent += sum(task_id in self._pushed for task_id in batch.task_ids)
                self._say(f"{where}: {self.sent[where]:,} of {len(tasks):,} sent")
        except AnnotationError as error:
            done = self.sent.total() + self.there
            raise AnnotationError(
                f"{error} ({done:,} of {self._total:,} tasks are there; push again sends the others)"
            ) from error

    def _note(self, task_ids: Iterable[str]) -> None:
        with self._engine.begin() as connection:
            set_state(connection, list(task_ids), "pushed", was=("reserved",))

    def _give_back(self, refused: Sequence[Refused]) -> None:
        why = {task_id: refusal_note(reason) for task_id, reason in refused}
        if why:
            withdraw_tasks(self._engine, why, self._settings)
        self.refused += refused


def _stands_for_its_subject(task: Asked | Task) -> bool:
    """Gold measures people, adjudication asks a second time on purpose, and what is withdrawn is not asked."""
    withdrawn = isinstance(task, Asked) and task.state == "withdrawn"
    return task.gold is None and not task.dataset.endswith(ADJUDICATION) and not withdrawn


def _spec(tasks: Sequence[Task], settings: AnnotationSettings) -> DatasetSpec:
    """What the dataset of these tasks asks."""
    dimensions = next((len(task.vector) for task in tasks if task.vector is not None), None)
    return dataset_spec(tasks[0].kind, settings, min_submitted=tasks[0].min_submitted, dimensions=dimensions)


def _grouped(tasks: Sequence[Task]) -> dict[tuple[str, str], list[Task]]:
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        groups.setdefault((task.tier, task.dataset), []).append(task)
    return groups
