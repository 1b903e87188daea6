"""What two newer libraries no longer take, taken again, so that argilla-server 2.8.0 can be imported."""

from typing import Any

import fastapi
import rq.decorators


def apply() -> None:
    """Must run before argilla_server is imported."""
    fastapi.Query = _query_with_help(fastapi.Query)
    rq.decorators.job = _job_on_its_queues_connection(rq.decorators.job)


def _query_with_help(query: Any) -> Any:
    # fastapi's Query once ignored unknown keywords; argilla passes `help`, which is its `description`.
    def with_help(*given: Any, **named: Any) -> Any:
        text = named.pop("help", None)
        if text is not None:
            named.setdefault("description", text)
        return query(*given, **named)

    return with_help


def _job_on_its_queues_connection(job: Any) -> Any:
    # rq 3 demands the connection that rq 1 took from the queue.
    class JobOnQueue(job):  # type: ignore[misc]
        def __init__(self, queue: Any, connection: Any = None, **named: Any) -> None:
            super().__init__(queue, connection if connection is not None else queue.connection, **named)

    return JobOnQueue
