"""The course of a run: the stages in order, and the release at its end; with or without an orchestrator.

`pipelines.flow` runs these same steps as Prefect tasks. Here is what they are and in which order.
"""

import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from checks.contract.process import contract_process
from pipelines._prepare import gather, refuse_hopeless
from pipelines._progress import Stage, counted, reporter
from pipelines._publish import Orchestration, publish
from pipelines._resume import standing
from pipelines._runner import opened
from pipelines._stages import STAGES, Run, perform
from pipelines._unchanged import unchanged
from pipelines._workspace import clear_work, is_left, workspace
from schemas.project import RunnerSettings
from schemas.report import Report
from schemas.settings import Settings

NO_ORCHESTRATOR = "none"

CALLED: ContextVar[float | None] = ContextVar("called", default=None)
"""When the caller began to start the orchestrator, by time.monotonic; null where it was running already."""


class Steps(NamedTuple):
    """How each step is run. `prepare` returns the seconds that it took by its own clock, as a Stage has them."""

    orchestrator: str
    prepare: Callable[[Run], float]
    stage: Callable[[str, Run], Stage]
    release: Callable[[Run, Orchestration], Report]


def prepared(run: Run) -> float:
    """What stages need beside the sources, read while a mistake in it costs seconds."""
    began = time.monotonic()
    gather(run)
    return time.monotonic() - began


HERE = RunnerSettings()
"""In this process."""

PLAIN = Steps(NO_ORCHESTRATOR, prepared, perform, publish)
"""One after the other, in this process."""


def make_release(
    sources: Sequence[str],
    out: Path,
    settings: Settings,
    steps: Steps = PLAIN,
    runner: RunnerSettings = HERE,
) -> Report:
    """Curate `sources` into a gated release in `out`, or leave the one that is there where nothing has changed.

    `runner` says where the shards are worked on, which makes no difference to the release. Raises AssayError: a
    SourceError when no source can be read, a UsageError when `out` or the runner cannot be used.
    """
    called = CALLED.get() or time.monotonic()
    entered = time.monotonic()
    refuse_hopeless(sources, out, settings)
    # What a killed run left is seen to under the lock, whatever stands beside it.
    left = is_left(out)
    if not left and (same := _same(out, sources, settings)):
        return same
    # Great Expectations takes as long to import as all stages of a small run: it is, beside them.
    with opened(runner) as workers, workspace(out) as work, contract_process():
        # What was stopped while it was put in its place, and stands there now, may be what is asked for.
        if left and (same := _same(out, sources, settings)):
            return same
        # Workers start in other folders.
        work = work.absolute()
        workers.check(work)
        if workers.told:
            reporter().line(f"{'runner':<13} {workers.told}")
        run = Run(work, out, tuple(sources), settings, datetime.now(UTC).isoformat(timespec="seconds"), workers)
        # What lies between the steps' own clocks and this one is the orchestrator's.
        lost = entered - called
        entered = time.monotonic()
        done = _resumed(run)
        lost -= time.monotonic() - entered
        if not done:
            lost -= steps.prepare(run)
        for name in STAGES:
            if name in done:
                continue
            stage = steps.stage(name, run)
            lost -= stage.seconds
            reporter().stage(stage)
        began = time.monotonic()
        orchestration = Orchestration(steps.orchestrator, round(max(0.0, lost + began - entered), 3))
        with reporter().working("writing the release"):
            report = steps.release(run._replace(resumed_after=done[-1] if done else None), orchestration)
    reporter().line(counted("release", report.rows.released, f"written  ({time.monotonic() - began:.1f} s)"))
    return report


def _same(out: Path, sources: Sequence[str], settings: Settings) -> Report | None:
    same = unchanged(out, sources, settings)
    if same:
        reporter().line(f"unchanged     nothing has changed since the release in {out} was made; it stands")
    return same


def _resumed(run: Run) -> tuple[str, ...]:
    """The stages that stand; without any, the work folder is emptied."""
    done = standing(run)
    if done:
        reporter().line(f"resumed       after {done[-1]}: what an interrupted run of this call had finished stands")
    else:
        clear_work(run.work)
    return done
