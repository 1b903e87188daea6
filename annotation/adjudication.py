"""Adjudication: what people disagreed about is asked once more, of those whose word is last."""

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Engine

from annotation._markdown import as_text
from annotation.asked import Asked
from annotation.client import Client, Stored
from annotation.deciding import Opinions, Result, corrected_domain, correction
from annotation.push import push
from annotation.questions import CORRECTED, DOMAIN, VERDICT, WHY
from annotation.routing import dataset_of
from annotation.said import Said
from annotation.tasks import Suggestion, Task, task_id
from schemas.decision import REASONS, TaskKind
from schemas.errors import BudgetError
from schemas.settings import AnnotationSettings

Fate = Literal["asked", "over budget", "lost", "nobody", "undecided again"]


# One person is paid to decide; more would be a vote again.
ADJUDICATORS = 1


class Escalation(NamedTuple):
    """A task that its people left undecided, and what becomes of it.

    Fates: asked (an adjudicator has it), over budget (the next pull tries again), lost (the server no longer
    has the record: push it again), nobody (the settings name no adjudication tier), undecided again (even
    the adjudicator's answer decides nothing: they must correct it).
    """

    task_id: str
    subject: str
    why: str
    tier: str  # that has it, or should have it; "" for nobody
    fate: Fate
    detail: str | None  # of a budget: the limit that does not allow it


def adjudicate(
    undecided: Sequence[Result],
    opinions: Opinions,
    tasks: Sequence[Asked],
    present: Collection[str],
    *,
    client: Client,
    engine: Engine,
    settings: AnnotationSettings,
    run_id: str | None = None,
) -> tuple[Escalation, ...]:
    """Gives out a task for each undecided one, once; `present` are the tasks that are on the server.

    In the order of `undecided`, as far as the budget goes.
    """
    known = {task.task_id: task for task in tasks}
    told: dict[str, Escalation] = {}
    to_ask: list[tuple[Result, str]] = []
    for result in undecided:
        tier = result.task.tier if result.task.adjudicates else (result.belongs or settings.adjudication or "")
        asked = _id(settings, result.task)
        base = Escalation(result.task.task_id, result.task.subject, result.why or "", tier, "asked", None)
        if result.task.adjudicates:
            told[result.task.task_id] = base._replace(fate="undecided again")
        elif not tier:
            told[result.task.task_id] = base._replace(fate="nobody")
        elif asked in known and asked in present:
            told[result.task.task_id] = base._replace(tier=known[asked].tier)
        else:
            told[result.task.task_id] = base
            to_ask.append((result, tier))
    stored = _stored(client, [result.task for result, _ in to_ask])
    ready: list[Task] = []
    for result, tier in to_ask:
        original = stored.get(result.task.task_id)
        if original is None:
            told[result.task.task_id] = told[result.task.task_id]._replace(fate="lost")
        else:
            ready.append(adjudication_task(result, original, opinions[result.task.task_id], tier, settings))
    short = _give_out(ready, client, engine, settings, run_id)
    for result, _ in to_ask:
        if (limit := short.get(_id(settings, result.task))) is not None:
            told[result.task.task_id] = told[result.task.task_id]._replace(fate="over budget", detail=limit)
    return tuple(told.values())


def adjudication_task(
    result: Result, original: Stored, opinions: Sequence[Said], tier: str, settings: AnnotationSettings
) -> Task:
    """The same record with the same questions, and what others said of it, without their names."""
    task, kind = result.task, TaskKind(result.task.kind)
    told = others_said(result.why or "", opinions)
    return Task(
        task_id=_id(settings, task),
        kind=kind,
        subject=task.subject,
        record_id=task.record_id,
        twin_id=task.twin_id,
        tier=tier,
        dataset=dataset_of(settings.project, kind, adjudicates=True),
        min_submitted=ADJUDICATORS,
        domain=task.domain,
        reasons=task.reasons,
        gold=None,
        fields=original.fields | {WHY: "\n\n".join(filter(None, (told, original.fields.get(WHY))))},
        suggestions=_suggestions(task, original, opinions),
        metadata=original.metadata | {"tier": tier, "rule": "adjudication"},
        vector=original.vector,
    )


def _id(settings: AnnotationSettings, task: Asked) -> str:
    return task_id(settings.project, TaskKind(task.kind), task.subject, adjudicates=True)


def _suggestions(task: Asked, original: Stored, opinions: Sequence[Said]) -> tuple[Suggestion, ...]:
    """The original's but for the verdict, which nobody is to be led to; what others wrote in place of ours."""
    written, _ = correction(opinions, {})
    better = {CORRECTED: written, DOMAIN: corrected_domain(task, opinions)}
    people = tuple(Suggestion(name, value, None, "people") for name, value in better.items() if value is not None)
    taken = {VERDICT, *(given.question for given in people)}
    return (*people, *(given for given in original.suggestions if given.question not in taken))


def others_said(why: str, opinions: Sequence[Said]) -> str:
    """What was said and why that decides nothing, as markdown that shows texts as they are.

    In an order that tells nothing of who they are: by verdict and text.
    """
    told = sorted(_opinion(one) for one in opinions)
    return "\n\n".join([f"**{len(told)} answered: {as_text(why)}.**", *told])


def _opinion(one: Said) -> str:
    parts = [f"**{as_text(one.verdict)}**"]
    if one.reasons:
        parts.append("because: " + as_text("; ".join(REASONS[name] for name in one.reasons)))
    if one.domain:
        parts.append("domain: " + as_text(one.domain))
    if one.comment:
        parts.append("remarks: " + as_text(one.comment))
    if one.completion:
        parts.append("would write:\n\n" + as_text(one.completion))
    return "\n\n".join(parts)


def _stored(client: Client, tasks: Sequence[Asked]) -> dict[str, Stored]:
    """The records of those tasks, as far as the server has them."""
    found: dict[str, Stored] = {}
    for tier, name in sorted({(task.tier, task.dataset) for task in tasks}):
        wanted = {task.task_id for task in tasks if (task.tier, task.dataset) == (tier, name)}
        if (dataset := client.find_dataset(tier, name)) is not None:
            found |= client.stored(dataset, wanted)
    return found


def _give_out(
    tasks: Sequence[Task],
    client: Client,
    engine: Engine,
    settings: AnnotationSettings,
    run_id: str | None,
) -> dict[str, str]:
    """Task id -> the limit that does not allow it, of the tasks that the budget has nothing for."""

    def give(some: Sequence[Task]) -> None:
        push(some, client=client, engine=engine, settings=settings, run_id=run_id)

    if not tasks:
        return {}
    try:
        give(tasks)
    except BudgetError:
        # As many as there is money for, in their order.
        for number, task in enumerate(tasks):
            try:
                give([task])
            except BudgetError as error:
                return {other.task_id: str(error) for other in tasks[number:]}
    return {}
