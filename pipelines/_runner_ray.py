"""Ray as the runner: a cluster by its address, or workers that are started here for one run.

Ray's messages are pickled, as Dask's are: a cluster is as safe as its network.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pipelines._alike import Asked, look, myself, probe, refuse_unlike, taken, work
from schemas.errors import UsageError
from schemas.project import RunnerSettings

Item = TypeVar("Item")
Made = TypeVar("Made")

# Shards that are given out before the first comes back, for each processor of the cluster.
_AHEAD = 4


class Ray:
    """See Runner."""

    shares = True

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self.told = f"Ray, {self._processors} processors"

    def map(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """See Runner."""
        remote, waiting = self._ray.remote(max_retries=3)(work), []
        try:
            for item in items:
                waiting.append(remote.remote(Asked(myself(), function, item)))
                if len(waiting) >= _AHEAD * self._processors:
                    yield taken(self._answer(waiting.pop(0)))
            while waiting:
                yield taken(self._answer(waiting.pop(0)))
        finally:
            for reference in waiting:
                self._ray.cancel(reference, force=False)

    def _answer(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except self._ray.exceptions.RayError as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise UsageError(f"Ray's workers are lost ({said}); give them more memory, or start them again") from error

    def check(self, folder: Path) -> None:
        """See Runner. One worker for each node is asked."""
        with probe(folder) as word:
            asked = {}
            for node in (node for node in self._ray.nodes() if node["Alive"]):
                here = {f"node:{node['NodeManagerAddress']}": 0.001}
                asked[node["NodeManagerAddress"]] = self._ray.remote(resources=here)(look).remote(str(folder))
            refuse_unlike({name: self._answer(reference) for name, reference in asked.items()}, word, folder)


@contextmanager
def runner(settings: RunnerSettings) -> Iterator[Ray]:
    """Ray, as long as the context lasts. Raises UsageError where it is not installed or cannot be reached."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        ray: Any = __import__("ray")
    except ModuleNotFoundError as error:
        raise UsageError("--runner ray needs Ray, which is not installed; run `pip install ray`") from error
    here = {} if settings.address else {"num_cpus": settings.workers, "include_dashboard": False}
    try:
        ray.init(address=settings.address, logging_level=logging.ERROR, log_to_driver=False, **here)
    except Exception as error:  # Ray raises whatever its parts raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UsageError(
            f"{settings.address or 'Ray'}: no Ray cluster can be reached ({said}); check runner.address"
        ) from error
    try:
        yield Ray(ray)
    finally:
        ray.shutdown()
