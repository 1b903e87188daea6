"""The gate as a Prefect task: what waits for it does not run where a release does not pass.

verdict = gated("runs/demo", policy="sft")
run_deployment("train/nightly", wait_for=[verdict])
"""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from pipelines._events import require_told
from schemas.report import Verdict


# Never from a cache: the release may have changed since it passed. Nor again: a no stays a no.
@task(name="gate", retries=0, cache_policy=NO_CACHE, persist_result=False)
def gated(release: str, policy: str | None = None) -> Verdict:
    """The verdict of a release that passes. Raises as `pipelines.gate.require`, so that the task has failed.

    A release that fails is told to the server as the event `assay.gate.failed` too.
    """
    return require_told(Path(release), Path(policy) if policy else None)
