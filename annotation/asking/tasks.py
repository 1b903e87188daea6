"""Tasks: what people are asked, one thing to decide each, as plain data that no client or server has touched."""

import hashlib
from collections import Counter
from typing import Any, NamedTuple

from annotation.asking.questions import ANSWERS
from schemas.decision import TaskKind


class Suggestion(NamedTuple):
    """An answer that the annotator finds filled in."""

    question: str
    value: Any  # str; list of str for multi-label; list of {"value", "rank"} for ranking
    score: float | None  # how sure we are, in [0, 1]; null where nothing was measured
    agent: str  # who says so: the check, the model or the rule


class Task(NamedTuple):
    """One thing to decide. Equal input makes an equal task, whose `task_id` is its `external_id` in Argilla."""

    task_id: str
    kind: TaskKind
    subject: str  # see schemas/decision.py
    record_id: str
    twin_id: str | None  # pair: the other record; record: the other side of a conflict
    tier: str
    dataset: str  # its name in the tier's workspace
    min_submitted: int
    domain: str | None
    reasons: tuple[str, ...]  # "family.check": why it is asked
    gold: str | None  # the known verdict of a gold record; never sent to the server
    fields: dict[str, Any]  # Argilla's field name -> str, or a list of {"role", "content"} for a chat
    suggestions: tuple[Suggestion, ...]
    metadata: dict[str, Any]
    vector: tuple[float, ...] | None  # of the prompt; null where it was not embedded


class Skipped(NamedTuple):
    """A record that waits for people and is not asked about now, and why."""

    record_id: str
    subject: str
    reason: str


class Planned(NamedTuple):
    """What a release has to ask people: each record in review is in one task, or skipped."""

    tasks: tuple[Task, ...]  # by task_id, so that gold stands anywhere among them
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]  # what could not be done as the settings ask; a sentence each

    @property
    def responses_by_tier(self) -> dict[str, int]:
        """How many submitted responses the tasks ask for, gold included."""
        asked: Counter[str] = Counter()
        for task in self.tasks:
            asked[task.tier] += task.min_submitted
        return dict(sorted(asked.items()))


def task_id(project: str, kind: TaskKind, subject: str, *, gold: bool = False, adjudicates: bool = False) -> str:
    """The task's name: the same whenever and wherever the same is asked.

    >>> task_id("assay", TaskKind.RECORD, "ab")
    'te32ac079d40140367dd5d64d21f65891'
    """
    told = "\n".join((project, kind.value, subject, "gold" if gold else "", "adjudicates" if adjudicates else ""))
    return "t" + hashlib.sha256(told.encode()).hexdigest()[:32]


def chosen_field(task_id: str) -> str:
    """Of a PREFERENCE the field that shows the answer which the data prefers, drawn by the task's id."""
    return ANSWERS[hashlib.sha256(f"chosen:{task_id}".encode()).digest()[0] % 2]
