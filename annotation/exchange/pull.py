"""Pull: what people answered is read, kept, paid and decided, each once, however often it is tried.

Each page of answers is kept and paid before the next is read, and everything is decided anew from what is
kept, so a pull that is cut short anywhere is finished by the next.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

import polars as pl
from sqlalchemy import Engine

from annotation.asking.routing import Facts, route
from annotation.exchange.adjudication import Escalation, adjudicate
from annotation.exchange.client import Client
from annotation.exchange.collecting import Present, Read, collect
from annotation.exchange.concluding import conclude
from annotation.exchange.push import Say
from annotation.exchange.responses import Answer
from annotation.judging.deciding import Result, accuracies, results
from annotation.judging.measures import Measured, measures
from annotation.judging.said import Said, opinions_of
from annotation.spending.budget import OPEN
from annotation.spending.reserving_again import Again, reserve_again
from annotation.store.asked import Asked, all_answers, all_asked
from annotation.store.database import reading
from annotation.store.decisions import Decision
from schemas.decision import TaskKind
from schemas.settings import AnnotationSettings


class Pulled(NamedTuple):
    """What a pull found and did."""

    read: Read
    decisions: tuple[Decision, ...]  # new or changed by this pull
    retracted: tuple[Decision, ...]  # held until this pull: the answers that decided were taken back or changed
    wrote: dict[str, str]  # subject -> whose corrected response was taken, where there were several
    waiting: int  # open tasks that want more answers
    released: int  # reserved before and not needed, smallest units
    again: Again  # reserved anew, for answers that were paid and then taken back
    escalated: tuple[Escalation, ...]  # undecided, with what becomes of them
    all_discarded: tuple[str, ...]  # open tasks that everybody who looked discarded
    strangers: tuple[tuple[str, str], ...]  # (tier, annotator) who answered and is not in the settings; paid like all
    gold: pl.DataFrame  # see gold_answers.annotators_on_gold
    failing: tuple[str, ...]  # annotators below the settings' accuracy on gold
    agreement: tuple[Measured, ...]


def pull(
    *,
    client: Client,
    engine: Engine,
    settings: AnnotationSettings,
    run_id: str | None = None,
    progress: Say | None = None,
) -> Pulled:
    """Read everything that people said of the project's tasks, and decide what can be decided.

    Raises AnnotationError and StoreError where server or database fail; what was kept until then is kept.
    """
    say = progress or (lambda line: None)
    read, present = collect(client, engine, settings, run_id, say)
    with reading(engine) as connection:
        tasks = list(all_asked(connection, settings.project).values())
        answers = all_answers(connection, settings.project)
    opinions = opinions_of(settings.project, tasks, answers)
    found = results(tasks, opinions, settings, lambda task, domain: _tier_of(task, domain, present, settings))
    final, undecided = _by_subject(found)
    written = conclude(
        tasks, answers, opinions, final, undecided, client=client, engine=engine, settings=settings, run_id=run_id
    )
    say(f"decided: {len(written.new):,} new or changed, {len(undecided):,} to be looked at by somebody else")
    open_tasks = [task for task in written.tasks if task.state in OPEN and task.subject not in final]
    missing = {task.task_id: task.min_submitted - len(opinions.get(task.task_id, ())) for task in open_tasks}
    sent = {task.task_id for task in open_tasks if task.state == "pushed"}
    again = reserve_again(engine, {name: missing[name] for name in sent if missing[name] > 0}, settings, run_id)
    escalated = adjudicate(
        undecided, opinions, tasks, present, client=client, engine=engine, settings=settings, run_id=run_id
    )
    gold = accuracies(tasks, opinions, settings)
    return Pulled(
        read=read,
        decisions=written.new,
        retracted=written.retracted,
        wrote={result.task.subject: result.wrote for result in final.values() if result.wrote},
        waiting=sum(number > 0 for number in missing.values()),
        released=written.released,
        again=again,
        escalated=escalated,
        all_discarded=tuple(task.task_id for task in open_tasks if _all_discarded(answers.get(task.task_id, ()))),
        strangers=_strangers(tasks, opinions, settings),
        gold=gold,
        failing=tuple(gold.filter(pl.col("verdict").is_in(["below", "surely below"]))["worker"]),
        agreement=measures(tasks, opinions),
    )


def _by_subject(found: Sequence[Result]) -> tuple[dict[str, Result], list[Result]]:
    """Subject -> the result that decides it, and the results that leave theirs undecided.

    Who adjudicates has the last word; otherwise of several tasks the last.
    """
    last = {result.task.subject: result for result in sorted(found, key=lambda result: result.task.adjudicates)}
    final = {subject: result for subject, result in last.items() if result.decision is not None}
    return final, [result for result in last.values() if result.decision is None]


def _tier_of(task: Asked, domain: str, present: Present, settings: AnnotationSettings) -> str | None:
    """The tier that the rules send the task to with this domain, where they sent it elsewhere without.

    Only to people who are paid more: who was asked first knows no less than the others.
    """
    held = present.get(task.task_id, {})
    facts = Facts(
        kind=TaskKind(task.kind),
        domain=domain,
        reasons=task.reasons,
        source=held.get("source"),
        n_tokens=held.get("n_tokens"),
        quality=held.get("quality"),
        difficulty=held.get("difficulty"),
    )
    tier = route(facts, settings.rules).tier
    before = route(facts._replace(domain=task.domain), settings.rules).tier
    paid = settings.tiers[task.tier].price if task.tier in settings.tiers else Decimal(0)
    return tier if tier not in (before, task.tier) and settings.tiers[tier].price > paid else None


def _all_discarded(answers: Sequence[Answer]) -> bool:
    return bool(answers) and all(answer.status == "discarded" for answer in answers)


def _strangers(
    tasks: Iterable[Asked], opinions: dict[str, list[Said]], settings: AnnotationSettings
) -> tuple[tuple[str, str], ...]:
    """Where a tier names nobody, nobody is a stranger to it."""
    named = {tier: set(said.annotators) for tier, said in settings.tiers.items() if said.annotators}
    return tuple(
        sorted(
            {
                (task.tier, one.annotator)
                for task in tasks
                for one in opinions.get(task.task_id, ())
                if task.tier in named and one.annotator not in named[task.tier]
            }
        )
    )
