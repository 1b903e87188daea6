"""Dask as the runner: a scheduler by its address, or workers that are started here for one run.

Workers here speak TLS with a key of this run only, on the loopback address, without a dashboard. Dask's own messages
are pickled: whoever may speak to a scheduler may run code on its workers, so a cluster by address is only as safe as
its network, or as the TLS that Dask's settings (`distributed.comm`) give it.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pipelines._alike import Asked, look, myself, probe, refuse_unlike, taken, work
from schemas.errors import UsageError
from schemas.project import RunnerSettings

Item = TypeVar("Item")
Made = TypeVar("Made")

# Seconds until a scheduler has answered, and until a worker has come.
REACHED_IN, WORKER_IN = 15.0, 60.0
# Shards that are given out before the first comes back, for each worker: none waits for work, and few are lost.
_AHEAD = 4
_QUIET = {
    # Results are small, and what lies on disk is never unpickled.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.low-level-log-length": 0,
    # Set for this process too, where it must change nothing; Dask's own would change the number of threads.
    "distributed.nanny.pre-spawn-environ": {"MALLOC_TRIM_THRESHOLD_": "65536"},
    # Loading a model holds Python's lock for seconds; that is no news.
    "distributed.admin.tick.limit": "10 minutes",
}


class Dask:
    """See Runner."""

    shares = True

    def __init__(self, client: Any, told: str) -> None:
        self._client = client
        self.told = told

    def map(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """See Runner."""
        from distributed import CancelledError, KilledWorker
        from distributed.comm.core import CommClosedError

        waiting: list[Any] = []
        asked = (Asked(myself(), function, item) for item in items)
        try:
            ahead = _AHEAD * max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))
            for one in asked:
                # Never taken for another's: two runs may do the same at once.
                waiting.append(self._client.submit(work, one, pure=False))
                if len(waiting) >= ahead:
                    yield taken(waiting.pop(0).result())
            while waiting:
                yield taken(waiting.pop(0).result())
        except KilledWorker as error:
            raise UsageError(
                "a shard ended every worker that it was given to, most likely for lack of memory; "
                "give workers more memory, or start fewer of them on a machine"
            ) from error
        except (CancelledError, CommClosedError, OSError) as error:
            if isinstance(error, OSError) and not isinstance(error, CommClosedError):
                raise
            raise UsageError(
                f"the Dask scheduler{self.told and f' ({self.told})'} is gone; start it, and run the same again"
            ) from error
        finally:
            # After an error, nobody works for a run that is over.
            for future in waiting:
                future.cancel()

    def check(self, folder: Path) -> None:
        """See Runner."""
        with probe(folder) as word:
            refuse_unlike(_seen(self._client, folder), word, folder)


def _seen(client: Any, folder: Path) -> dict[str, Any]:
    from distributed.comm.core import CommClosedError

    try:
        found: dict[str, Any] = client.run(look, str(folder))
        return found
    except (ModuleNotFoundError, AttributeError, ImportError) as error:
        raise UsageError(
            f"the workers of {client.scheduler.address} cannot import Assay ({_line(error)}); install it there, "
            "in the version that is here"
        ) from error
    except (CommClosedError, TimeoutError) as error:
        raise UsageError(f"the workers of {client.scheduler.address} do not answer; start them again") from error


@contextmanager
def runner(settings: RunnerSettings) -> Iterator[Dask]:
    """Dask, as long as the context lasts: Prefect's own client where a flow runs with its Dask runner."""
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError as error:
        raise _not_installed() from error
    _hush()
    with ExitStack() as stack:
        client = _of_prefect()
        if client is None:
            client = stack.enter_context(_client(settings))
        try:
            client.wait_for_workers(1, timeout=WORKER_IN)
        except TimeoutError as error:
            raise UsageError(
                f"{client.scheduler.address}: the Dask scheduler has no workers; "
                "start some with `dask worker ADDRESS --nthreads 1`"
            ) from error
        yield Dask(client, _told(client))


def _told(client: Any) -> str:
    workers = len(client.scheduler_info(n_workers=-1)["workers"])
    return f"Dask, {workers} {'worker' if workers == 1 else 'workers'}, {client.scheduler.address}"


@contextmanager
def _client(settings: RunnerSettings) -> Iterator[Any]:
    """A client of its own: of the scheduler at the address, or of workers that are started for it."""
    import distributed

    client_of: Any = distributed.Client
    with ExitStack() as stack:
        if settings.address is None:
            target: Any = stack.enter_context(local_cluster(settings.workers))
        else:
            target = settings.address
        try:
            client = stack.enter_context(client_of(target, timeout=REACHED_IN, set_as_default=False))
        except (OSError, ValueError, TypeError, TimeoutError) as error:
            raise _unreachable(target, error) from error
        yield client


@contextmanager
def local_cluster(workers: int | None) -> Iterator[Any]:
    """`workers` processes on this machine (null: one a core) and their scheduler; nobody else can speak to them."""
    import dask
    import distributed

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = workers or cores
    cluster_of: Any = distributed.LocalCluster
    # Together the workers use the cores once.
    threads = str(max(1, cores // count))
    shared = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    with (
        dask.config.set(_QUIET),
        cluster_of(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            security=True,
            silence_logs=logging.CRITICAL,
            # A worker near its limit would be paused or ended; here the machine's memory is the limit.
            memory_limit=0,
            scheduler_kwargs={"dashboard": False},
            # For the workers alone: here a model would be multiplied by fewer threads, and in another order.
            env=shared,
        ) as cluster,
    ):
        yield cluster


def prefect_runner(settings: RunnerSettings) -> Any:
    """prefect-dask's task runner for a flow: its client is the one that shards are given out by."""
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ModuleNotFoundError as error:
        raise _not_installed() from error
    _hush()
    asked = {"timeout": REACHED_IN}
    if settings.address is not None:
        return DaskTaskRunner(address=settings.address, client_kwargs=asked)
    # Named by how it is made: a flow duplicates its runner, and would leave a cluster that is given behind.
    how: Any = local_cluster
    return DaskTaskRunner(cluster_class=how, cluster_kwargs={"workers": settings.workers}, client_kwargs=asked)


def _not_installed() -> UsageError:
    return UsageError("--runner dask needs Dask, which is not installed; run `pip install assay[cluster]`")


def _of_prefect() -> Any:
    """The client of the Dask runner of the Prefect flow that runs here; null where there is none."""
    import sys

    if "prefect_dask" not in sys.modules:
        return None
    from prefect.context import FlowRunContext
    from prefect_dask.task_runners import DaskTaskRunner

    context = FlowRunContext.get()
    runner = context and context.task_runner
    if not isinstance(runner, DaskTaskRunner):
        return None
    try:
        return runner.client
    except (OSError, ValueError, TypeError, TimeoutError) as error:
        raise _unreachable(runner.address, error) from error


def _unreachable(address: Any, error: BaseException) -> UsageError:
    return UsageError(
        f"{address}: no Dask scheduler can be reached there ({_line(error)}); "
        "start one with `dask scheduler`, and check runner.address"
    )


def _hush() -> None:
    """Dask tells of every connection that ends, on stderr; what matters is told by us."""
    for name in ("distributed", "distributed.nanny", "distributed.worker", "distributed.scheduler", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
