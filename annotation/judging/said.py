"""What one person said of one task, in our words instead of the form's."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from annotation.asking import questions
from annotation.asking.tasks import chosen_field, task_id
from annotation.exchange.responses import Answer
from annotation.store.asked import Asked
from schemas.decision import DEMANDS, REASONS, TaskKind

UNDECIDED = "undecided"
"""The vote of an answer that decides nothing: a fix without a corrected response, a ranking that ranks nothing."""


class Said(NamedTuple):
    """One submitted answer. Empty texts are null."""

    task_id: str
    annotator: str
    at: datetime  # UTC
    verdict: str  # a Verdict, or UNDECIDED
    completion: str | None
    reasons: tuple[str, ...]  # names of REASONS, in that order
    comment: str | None
    domain: str | None
    ratings: dict[str, int]  # demand -> 1 to 5


def said(project: str, task: Asked, answer: Answer) -> Said:
    """The answer as it was meant. What the form cannot have held is left out."""
    given, kind = answer.answers, TaskKind(task.kind)
    # Adjudicators see the two answers of a preference where the others saw them.
    shown_as = task_id(project, kind, task.subject) if task.adjudicates else task.task_id
    verdict = questions.verdict_of(kind, given, chosen=chosen_field(shown_as))
    reasons = given.get(questions.WHY_NOT) or []
    ratings = {demand: given.get(demand) for demand in DEMANDS}
    return Said(
        task_id=task.task_id,
        annotator=answer.annotator,
        at=answer.inserted_at,
        verdict=UNDECIDED if verdict is None else verdict.value,
        completion=_text(given.get(questions.CORRECTED)),
        reasons=tuple(name for name in REASONS if name in reasons),
        comment=_text(given.get(questions.COMMENT)),
        domain=_text(given.get(questions.DOMAIN)),
        ratings={demand: mark for demand, mark in ratings.items() if isinstance(mark, int)},
    )


def _text(value: Any) -> str | None:
    """Null for what holds nothing to read. Spaces are part of it, but the line break that the page adds is not."""
    return value.rstrip("\n") if isinstance(value, str) and value.strip() else None


def opinions_of(project: str, tasks: Iterable[Asked], answers: Mapping[str, Sequence[Answer]]) -> dict[str, list[Said]]:
    """task_id -> what was submitted, of each task that was not withdrawn."""
    opinions = {
        task.task_id: [
            said(project, task, answer) for answer in answers.get(task.task_id, ()) if answer.status == "submitted"
        ]
        for task in tasks
        if task.state != "withdrawn"
    }
    return {task_id: given for task_id, given in opinions.items() if given}
