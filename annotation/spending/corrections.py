"""Corrections by hand: what the ledger could not know, such as an answer that was paid twice, or outside of it."""

from hashlib import sha256
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Engine

from annotation.spending.ledger import About, Locked, adjust, append, locked, sums
from annotation.spending.money import show
from annotation.spending.promises import tasks_of
from annotation.store.tables import ENTRIES
from schemas.errors import UsageError
from schemas.settings import AnnotationSettings


class Corrected(NamedTuple):
    """A correction that stands in the ledger. Amounts in smallest units of the currency."""

    amount: int
    tier: str
    spent: int  # by the project, with it


def correct(
    engine: Engine,
    amount: int,
    reason: str,
    settings: AnnotationSettings,
    *,
    task_id: str | None = None,
    annotator: str | None = None,
    tier: str | None = None,
) -> Corrected:
    """Add `amount` to what was spent (less, where it is negative), for this reason, as a new entry of the ledger.

    It counts for the month of writing, and for the task, person and tier as far as they are named; the tier is the
    task's, or the person's, or the only one. Raises UsageError where it says nothing, is about nobody known, stands
    in the ledger already, or would leave a tier with less than nothing spent.
    """
    if not amount or not reason.strip():
        raise UsageError("a correction needs an amount other than 0, and a --reason that can be understood next year")
    with locked(engine, settings.project, settings.currency) as lock:
        about = _about(lock, settings, task_id, annotator, tier)
        spent = sums(lock.connection, lock.project, tier=about.tier).spent
        if amount < 0 and spent + amount < 0:
            said, whole = show(amount, lock.currency), show(spent, lock.currency)
            raise UsageError(
                f"{said} is more than the {whole} that tier {about.tier!r} has cost; correct it, or name another --tier"
            )
        if not append(lock, [adjust(_name(lock, amount, about, reason), amount, about, reason)]).new:
            raise UsageError(
                "this very correction stands in the ledger already, and nothing was written; if it happened twice, "
                "say so in --reason"
            )
        return Corrected(amount, about.tier, sums(lock.connection, lock.project).spent)


def _name(lock: Locked, amount: int, about: About, reason: str) -> str:
    """What is corrected: a command that is repeated has corrected it once."""
    told = "\n".join((lock.project, str(amount), about.tier, about.task_id or "", about.annotator or "", reason))
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _about(
    lock: Locked, settings: AnnotationSettings, task_id: str | None, annotator: str | None, tier: str | None
) -> About:
    if annotator is not None:
        _known(lock, settings, annotator)
    if task_id is None:
        return About(tier=_tier(settings, annotator, tier), annotator=annotator)
    task = tasks_of(lock, [task_id]).get(task_id)
    if task is None:
        raise UsageError(
            f"no task {task_id[:64]!r} was given out in project {lock.project!r}; correct --task, or leave it out"
        )
    if tier not in (None, task.tier):
        raise UsageError(f"task {task_id} is of tier {task.tier!r}, not {tier!r}; leave --tier out")
    return About(task.tier, task.record_id, task_id, annotator, reasons=tuple(task.reasons))


def _tier(settings: AnnotationSettings, annotator: str | None, tier: str | None) -> str:
    """The tier that is named, or the only one that can be meant."""
    if tier in settings.tiers:
        return str(tier)
    names = [name for name, one in settings.tiers.items() if annotator is None or annotator in one.annotators]
    if tier is None and len(names) == 1:
        return names[0]
    said = "which tier does it count for?" if tier is None else f"no tier is called {tier!r}."
    raise UsageError(f"{said} Name one with --tier: {', '.join(settings.tiers)}; --config names settings with others")


def _known(lock: Locked, settings: AnnotationSettings, annotator: str) -> None:
    """Raises UsageError for somebody who is neither in the settings nor in the ledger: a slip of the pen."""
    query = sa.select(ENTRIES.c.id).where(ENTRIES.c.project == lock.project, ENTRIES.c.annotator == annotator).limit(1)
    named = any(annotator in tier.annotators for tier in settings.tiers.values())
    if not named and lock.connection.execute(query).first() is None:
        raise UsageError(f"nobody is called {annotator[:100]!r} in project {lock.project!r}; `assay cost` lists who is")
