"""Adjudication: what people disagreed about is asked once more, of those whose word is last."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Engine

from annotation.asking._markdown import as_text
from annotation.asking.questions import CORRECTED, DOMAIN, VERDICT, WHY
from annotation.asking.routing import dataset_of
from annotation.asking.tasks import Suggestion, Task, task_id
from annotation.exchange.client import Client, Stored
from annotation.exchange.push import push
from annotation.judging.deciding import Opinions, Result, corrected_domain, correction
from annotation.judging.said import Said
from annotation.store.asked import Asked
from schemas.decision import REASONS, TaskKind
from schemas.errors import AnnotationError, BudgetError
from schemas.settings import AnnotationSettings

Fate = Literal["asked", "over budget", "refused", "failed", "lost", "nobody", "undecided again"]

# One person is paid to decide; more would be a vote again.
ADJUDICATORS = 1


class Escalation(NamedTuple):
    """A task that its people left undecided, and what becomes of it.

    Fates: asked (an adjudicator has it), over budget (the next pull tries again), refused (the server does not
    take it), failed (the server does not give us the dataset; the next pull tries again), lost (the server no
    longer has the record), nobody (the settings name no adjudication tier), undecided again (even the
    adjudicator's answer decides nothing: they must correct it).
    """

    task_id: str
    subject: str
    why: str
    tier: str  # that has it, or should have it; "" for nobody
    fate: Fate
    detail: str | None  # over budget: the limit that does not allow it; refused, failed: what the server says


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
    known = {task.task_id: task.tier for task in tasks if task.task_id in present}
    fates = [_fate(result, known, settings) for result in undecided]
    to_ask = [result for result, fate in zip(undecided, fates, strict=True) if fate is None]
    stored = _stored(client, [result.task for result in to_ask])
    wanted = {
        result.task.task_id: adjudication_task(result, stored[result.task.task_id], opinions, settings)
        for result in to_ask
        if result.task.task_id in stored
    }
    short = _give_out(list(wanted.values()), client, engine, settings, run_id)
    return tuple(
        fate or _asked(result, wanted.get(result.task.task_id), short, settings)
        for result, fate in zip(undecided, fates, strict=True)
    )


def _fate(result: Result, known: Mapping[str, str], settings: AnnotationSettings) -> Escalation | None:
    """What becomes of it without asking anybody now; null where somebody is to be asked."""
    told = _told(result, settings)
    if result.task.adjudicates:
        return told._replace(tier=result.task.tier, fate="undecided again")
    if (tier := known.get(_id(settings, result.task))) is not None:
        return told._replace(tier=tier, fate="asked")
    return None if told.tier else told._replace(fate="nobody")


def _asked(
    result: Result, task: Task | None, short: Mapping[str, tuple[Fate, str]], settings: AnnotationSettings
) -> Escalation:
    """What became of it; `task` is null where there was nothing to ask with."""
    told = _told(result, settings)
    if task is None:
        return told._replace(fate="lost")
    if task.task_id not in short:
        return told
    fate, detail = short[task.task_id]
    return told._replace(fate=fate, detail=detail)


def _told(result: Result, settings: AnnotationSettings) -> Escalation:
    task = result.task
    return Escalation(task.task_id, task.subject, result.why or "", _tier(result, settings), "asked", None)


def _tier(result: Result, settings: AnnotationSettings) -> str:
    return result.belongs or settings.adjudication or ""


def adjudication_task(result: Result, original: Stored, opinions: Opinions, settings: AnnotationSettings) -> Task:
    """The same record with the same questions, and what others said of it, without their names."""
    task, kind, tier = result.task, TaskKind(result.task.kind), _tier(result, settings)
    said = opinions[task.task_id]
    told = others_said(result.why or "", said)
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
        suggestions=_suggestions(task, original, said),
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
    tasks: Sequence[Task], client: Client, engine: Engine, settings: AnnotationSettings, run_id: str | None
) -> dict[str, tuple[Fate, str]]:
    """Task id -> what kept it from being asked, of the tasks that were not."""

    def give(some: Sequence[Task]) -> dict[str, tuple[Fate, str]]:
        done = push(some, client=client, engine=engine, settings=settings, run_id=run_id)
        return {task_id: ("refused", reason) for task_id, reason in done.refused}

    if not tasks:
        return {}
    try:
        return give(tasks)
    except (BudgetError, AnnotationError):
        return _one_by_one(tasks, give)


def _one_by_one(
    tasks: Sequence[Task], give: Callable[[Sequence[Task]], dict[str, tuple[Fate, str]]]
) -> dict[str, tuple[Fate, str]]:
    """As many as there is money for, in their order; a dataset that cannot be had keeps no other from being asked."""
    short: dict[str, tuple[Fate, str]] = {}
    failed: dict[tuple[str, str], tuple[Fate, str]] = {}
    for number, task in enumerate(tasks):
        where = (task.tier, task.dataset)
        try:
            short |= {task.task_id: failed[where]} if where in failed else give([task])
        except AnnotationError as error:
            failed[where] = ("failed", str(error))
            short[task.task_id] = failed[where]
        except BudgetError as error:
            over: Fate = "over budget"
            return short | {other.task_id: (over, str(error)) for other in tasks[number:]}
    return short
