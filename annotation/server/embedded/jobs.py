"""Argilla's background jobs in this process: a Redis in memory, and a thread that works.

What is queued in memory is lost with the process. With ARGILLA_REDIS_URL set the queues are in that Redis, where
they outlive it; workers of one's own may then be run beside this one, which goes on working.
"""

import logging
import os
import threading
import time
from typing import Any

# rq retries failed webhooks after 10, 60 and 180 s; a look every few seconds keeps to that.
SCHEDULE_SECONDS = 5.0
# A Redis that does not answer within this is not there; without a limit the start waits for minutes.
ASK_SECONDS = 5.0

_LOG = logging.getLogger("assay.jobs")


def unusable() -> str | None:
    """Why the Redis that ARGILLA_REDIS_URL names is none to work with; null where it is, or none is named."""
    if not (url := os.environ.get("ARGILLA_REDIS_URL")):
        return None
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    limits = {"socket_timeout": ASK_SECONDS, "socket_connect_timeout": ASK_SECONDS}
    try:
        with redis.from_url(url, retry=Retry(NoBackoff(), 0), **limits) as connection:
            connection.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return None


def use_memory() -> None:
    """Every Redis connection made from here on is one to the same server in memory."""
    import fakeredis
    import redis

    server = fakeredis.FakeServer()

    def from_url(url: str, **_: Any) -> Any:
        return fakeredis.FakeRedis(server=server)

    redis.from_url = from_url


def work() -> None:
    """Serve both of argilla's queues from daemon threads."""
    threading.Thread(target=_work, name="jobs", daemon=True).start()
    threading.Thread(target=_schedule, name="job-retries", daemon=True).start()


def _work() -> None:
    from argilla_server.jobs.queues import DEFAULT_QUEUE, HIGH_QUEUE
    from rq import SimpleWorker
    from rq.timeouts import TimerDeathPenalty

    class ThreadWorker(SimpleWorker):  # type: ignore[misc]
        death_penalty_class = TimerDeathPenalty  # the default needs signals, which a thread has not

        def _install_signal_handlers(self) -> None:
            pass

    while True:
        try:
            ThreadWorker([HIGH_QUEUE, DEFAULT_QUEUE], connection=HIGH_QUEUE.connection).work(logging_level="WARNING")
        except Exception:
            _LOG.exception("the job worker failed and is started again")
        time.sleep(1)


def _schedule() -> None:
    # rq's own scheduler is a forked process, which would not see this memory.
    from argilla_server.jobs.queues import DEFAULT_QUEUE, HIGH_QUEUE

    while True:
        for queue in (HIGH_QUEUE, DEFAULT_QUEUE):
            try:
                _enqueue_due(queue)
            except Exception:
                _LOG.exception("due retries were not enqueued")
        time.sleep(SCHEDULE_SECONDS)


def _enqueue_due(queue: Any) -> None:
    registry = queue.scheduled_job_registry
    for number in registry.get_jobs_to_schedule():
        job = queue.fetch_job(number)
        registry.remove(number)
        if job is not None:
            queue.enqueue_job(job)
