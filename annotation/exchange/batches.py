"""Tasks as the server takes them: encoded one by one, cut into batches by number and by bytes."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from annotation.asking.questions import DOMAIN
from annotation.asking.tasks import Suggestion, Task
from annotation.exchange.transport import Refusal

# The server's own limit (argilla_server, records_bulk.RECORDS_BULK_UPSERT_MAX_ITEMS).
MAX_RECORDS = 500
# Front ends that stand before a server often refuse more than 8 or 10 MB; a single larger record goes by itself.
MAX_BYTES = 4 * 2**20
# The name of a dataset's vectors; the SDK wants it to be no field's name.
VECTOR = "embedding"
# So many refusals with a server error in a row are the server's fault, not the records'.
MAX_SERVER_ERRORS = 5


class Refused(NamedTuple):
    """A task that the server does not take, and why."""

    task_id: str
    reason: str


class Sent(NamedTuple):
    """What became of one batch: the ids of the tasks that the server has now, and those that it refused."""

    task_ids: list[str]
    refused: list[Refused]


class Encoded(NamedTuple):
    task_id: str
    body: bytes


def encoded(task: Task, questions: dict[str, str], domains: Collection[str]) -> Encoded:
    """The task as JSON; `questions` gives the server's id of each. Raises ValueError for what JSON cannot hold.

    A domain that is none of `domains`, which can be chosen, is not suggested: the server would refuse the record.
    """
    record: dict[str, Any] = {
        "external_id": task.task_id,
        "fields": task.fields,
        "metadata": {name: value for name, value in task.metadata.items() if value is not None},
        "suggestions": [
            _suggestion(given, questions[given.question])
            for given in task.suggestions
            if given.question in questions and (given.question != DOMAIN or given.value in domains)
        ],
    }
    if task.vector is not None:
        record["vectors"] = {VECTOR: task.vector}
    try:
        return Encoded(task.task_id, orjson.dumps(record))
    except TypeError as error:
        raise ValueError(f"cannot be sent as JSON: {error}") from error


def _suggestion(given: Suggestion, question_id: str) -> dict[str, Any]:
    # The server wants one score for each of several values.
    several = isinstance(given.value, list | tuple)
    score = [given.score] * len(given.value) if several and given.score is not None else given.score
    return {
        "question_id": question_id,
        "value": list(given.value) if several else given.value,
        "score": score,
        "agent": given.agent,
        "type": "model",
    }


def batches(tasks: Sequence[Encoded]) -> Iterator[list[Encoded]]:
    """In order, at most MAX_RECORDS and MAX_BYTES each, one task at least."""
    batch: list[Encoded] = []
    size = 0
    for task in tasks:
        if batch and (len(batch) == MAX_RECORDS or size + len(task.body) > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += len(task.body)
    if batch:
        yield batch


def send(batch: list[Encoded], put: Callable[[bytes], object]) -> Sent:
    """Puts the batch; where the server refuses it, halves it until the refused records stand alone.

    Raises the server's Refusal where it fails for every record instead of refusing one.
    """
    sent: list[str] = []
    refused: list[Refused] = []
    waiting = [batch]
    failures = 0
    while waiting:
        part = waiting.pop()
        try:
            put(b'{"items":[' + b",".join(task.body for task in part) + b"]}")
        except Refusal as refusal:
            if len(part) > 1:
                waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
                continue
            failures = failures + 1 if refusal.status >= 500 else 0
            if failures >= MAX_SERVER_ERRORS or (refusal.status == 404 and not sent):
                raise
            refused.append(Refused(part[0].task_id, refusal.detail))
        else:
            failures = 0
            sent += [task.task_id for task in part]
    return Sent(sent, refused)
