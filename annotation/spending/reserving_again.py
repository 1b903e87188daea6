"""What is asked again is promised again: an answer that was taken back was paid, and another one costs anew."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Engine

from annotation.spending.forecast import Standing, standings
from annotation.spending.ledger import About, Entry, Locked, append, locked, reserve
from annotation.spending.money import show
from annotation.spending.promises import Promised, promises, tasks_of
from schemas.settings import AnnotationSettings

NOTE = "asked again"
"""The ledger's note for what is reserved anew."""


class Again(NamedTuple):
    amount: int  # newly reserved, smallest units
    short: dict[str, str]  # task_id -> the limit that does not allow it


def reserve_again(
    engine: Engine,
    missing: Mapping[str, int],
    settings: AnnotationSettings,
    run_id: str | None = None,
    at: datetime | None = None,
) -> Again:
    """Reserve what the `missing` answers (task_id -> how many) cost beyond what their tasks have reserved.

    At the price of the task's last reservation, by task_id, as far as the budget goes. Where enough is reserved,
    which is nearly always, nothing is written.
    """
    amount, short = 0, {}
    with locked(engine, settings.project, settings.currency, at) as lock:
        tasks = tasks_of(lock, sorted(missing))
        for task_id, promise in sorted(promises(lock.connection, list(tasks)).items()):
            task = tasks[task_id]
            lacking = promise.amount // task.min_submitted * missing[task_id] - promise.left
            if lacking <= 0:
                continue
            if (limit := _broken(lock, settings, task.tier, lacking)) is not None:
                short[task_id] = _told(limit, lacking, lock.currency)
            else:
                append(lock, _entries(task, promise, lacking, run_id))
                amount += lacking
    return Again(amount, short)


def _broken(lock: Locked, settings: AnnotationSettings, tier: str, amount: int) -> Standing | None:
    """The first limit that does not allow it."""
    project, month, *tiers = standings(settings, lock.connection, lock.at)
    own = [standing for name, standing in zip(settings.tiers, tiers, strict=True) if name == tier]
    return next((one for one in (project, month, *own) if not one._replace(asked=amount).fits), None)


def _told(limit: Standing, lacking: int, currency: str) -> str:
    left = show(limit.left or 0, currency)
    return f"the limit of {limit.name} leaves {left}, and it needs {show(lacking, currency)}: raise {limit.setting}"


def _entries(task: sa.Row[Any], promise: Promised, lacking: int, run_id: str | None) -> list[Entry]:
    """A reservation is of all answers that a task asks for; of it goes back what is answered, or still reserved."""
    about = About(task.tier, task.record_id, task.task_id, run_id=run_id, reasons=tuple(task.reasons))
    promised = reserve(promise.amount, about, promise.times + 1)._replace(note=NOTE)
    if promise.amount == lacking:
        return [promised]
    return [promised, Entry(f"held:{promised.key}", "release", promise.amount - lacking, about, None, NOTE)]
