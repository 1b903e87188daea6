"""What people said is read from the server page by page; each page is kept and paid before the next is read."""

from collections import Counter
from typing import Any, NamedTuple

from sqlalchemy import Engine

from annotation.exchange.client import Client
from annotation.exchange.push import Say
from annotation.exchange.responses import Page
from annotation.spending.budget import book_in
from annotation.spending.ledger import locked
from annotation.store.asked import Asked, all_asked, keep_answers, set_state
from annotation.store.database import reading
from schemas.settings import AnnotationSettings

Present = dict[str, dict[str, Any]]
"""The tasks that are on the server: id -> what they can be filtered by."""


class Read(NamedTuple):
    """What was found on the server, and kept."""

    tasks: int
    submitted: int
    drafts: int
    discarded: int
    new: int  # answers that were not kept before
    changed: int  # answers that their writers changed since
    booked: int  # answers paid now
    amount: int  # what they cost, smallest units of the currency
    overdrawn: int  # of it, beyond what their tasks had reserved
    strange_records: int  # records of these datasets that nobody gave out
    missing_datasets: tuple[str, ...]  # "tier/dataset" that the server does not have
    missing_tasks: tuple[str, ...]  # open tasks that the server does not have: push sends them again
    unreadable: dict[str, str]  # task that the server has -> why it cannot tell what was said of it


_NAMED = ("missing_datasets", "missing_tasks", "unreadable")
"""Of Read what is not a number."""


def collect(
    client: Client, engine: Engine, settings: AnnotationSettings, run_id: str | None, say: Say
) -> tuple[Read, Present]:
    """Reads everything said of the project's tasks, page by page; also tells which tasks are on the server."""
    with reading(engine) as connection:
        known = all_asked(connection, settings.project)
    counts: Counter[str] = Counter()
    present: Present = {}
    gone: list[str] = []
    unreadable: dict[str, str] = {}
    for tier, name in sorted({(task.tier, task.dataset) for task in known.values() if task.state != "withdrawn"}):
        dataset = client.find_dataset(tier, name)
        if dataset is None:
            gone.append(f"{tier}/{name}")
            continue
        for page in client.responses(dataset):
            counts.update(_keep(engine, settings, known, page, run_id))
            present |= {task_id: held for task_id, held in page.metadata.items() if task_id in known}
            unreadable |= {task_id: why for task_id, why in page.unreadable.items() if task_id in known}
        say(f"{tier}/{name}: {counts['submitted']:,} answers so far, {counts['booked']:,} of them new to the books")
    missing = tuple(name for name, task in known.items() if task.state == "pushed" and name not in present)
    numbers = {name: counts[name] for name in Read._fields if name not in _NAMED}
    return Read(**numbers, missing_datasets=tuple(gone), missing_tasks=missing, unreadable=unreadable), present


def _keep(
    engine: Engine, settings: AnnotationSettings, known: dict[str, Asked], page: Page, run_id: str | None
) -> dict[str, int]:
    """A page of answers, kept and paid in one transaction: no answer is used that is not paid."""
    ours = [answer for answer in page.answers if answer.task_id in known]
    arrived = [name for name in page.task_ids if name in known and known[name].state == "reserved"]
    with locked(engine, settings.project, settings.currency) as lock:
        kept = keep_answers(
            lock.connection, settings.project, {name: known[name].tier for name in page.task_ids if name in known}, ours
        )
        # A push that was cut short did not live to note them.
        set_state(lock.connection, arrived, "pushed", was=("reserved",))
        submitted = [answer for answer in kept.answers if answer.status == "submitted"]
        booked = book_in(lock, submitted, run_id)
    return {
        "tasks": sum(name in known for name in page.task_ids),
        "strange_records": sum(name not in known for name in page.task_ids),
        "submitted": len(submitted),
        "drafts": sum(answer.status == "draft" for answer in ours),
        "discarded": sum(answer.status == "discarded" for answer in ours),
        "new": kept.new,
        "changed": kept.changed,
        "booked": len(booked.new),
        "amount": booked.amount,
        "overdrawn": booked.overdrawn,
    }
