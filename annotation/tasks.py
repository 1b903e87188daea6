"""Tasks: what people are asked, one thing to decide each, as plain data that no client or server has touched."""

from typing import Any, NamedTuple

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
