"""The Prefect flows: the stages in order, and the two ends of review by people.

Each stage is a pure function; here it becomes a task that reads frames from the run's work folder and
leaves frames there, so that paths pass between tasks and never data. A deployment (`pipelines.flow.curate`)
runs this flow, and so does `assay curate` where there is a Prefect server; without one it takes the same
course (`pipelines._course`) in its own process.
"""

import pipelines._orchestration  # noqa: F401  isort: skip - sets what Prefect reads when it is imported

from datetime import UTC, datetime
from errno import EACCES, ENOSPC, EROFS
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from pydantic import ValidationError

from pipelines._course import Steps, make_release, prepared
from pipelines._progress import Stage, reporter
from pipelines._publish import Orchestration, publish
from pipelines._stages import Run, perform
from pipelines._summary import render_markdown
from schemas.errors import SettingsError
from schemas.project import RunnerSettings
from schemas.report import Report
from schemas.settings import Settings, first_problem, without_beside

# Another try cannot help where there is no room or no right.
_FINAL = {ENOSPC, EACCES, EROFS}


def _worth_retrying(_task: Any, _run: Any, state: Any) -> bool:
    """Only what a moment may mend: I/O that failed for a passing reason."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, OSError) and error.errno not in _FINAL


_task = task(
    retries=2,
    retry_delay_seconds=[1, 5],
    retry_condition_fn=_worth_retrying,
    cache_policy=NO_CACHE,
    persist_result=False,
)


@_task
def stage(name: str, run: Run) -> Stage:
    """One stage, from the frames of the one before to its own."""
    return perform(name, run)


@_task
def prepare(run: Run) -> float:
    """See `_course.prepared`."""
    return prepared(run)


@_task
def release(run: Run, orchestration: Orchestration) -> Report:
    """Exports, contract, report, verdict and manifest."""
    return publish(run, orchestration)


def _staged(name: str, run: Run) -> Stage:
    return stage.with_options(name=name)(name, run)


TASKS = Steps("prefect", prepare, _staged, release)
"""Each step as a task."""


def _run_name() -> str:
    """`alpaca_data.json.gz and 2 more, 2026-01-31 14:05`: what a person looks for in a list of runs."""
    sources = flow_run.parameters.get("sources") or ["nothing"]
    more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
    return f"{Path(sources[0]).name}{more}, {datetime.now(UTC):%Y-%m-%d %H:%M}"


@flow(name="curate", flow_run_name=_run_name, persist_result=False)
def curate(sources: list[str], out: str, settings: dict[str, Any] | None = None) -> Report:
    """Curate `sources` into a gated release in the folder `out`.

    `settings` is the content of assay.yaml; without it the defaults hold. Where the flow has prefect-dask's
    DaskTaskRunner (`curate.with_options(task_runner=...)`), the shards go to its workers too. Raises AssayError: a
    SourceError when no source can be read, a UsageError when `out` or the runner cannot be used.
    """
    report = make_release(sources, Path(out), _settings(settings), TASKS, _runner(settings))
    _show(report)
    return report


@flow(name="annotate-push", persist_result=False)
def annotate_push(release: str, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give out what waits for review in the folder `release`, once, within the budget.

    `settings` is the content of assay.yaml, of which only `annotation` counts; without it those of the release
    hold. Returns what `assay annotate push --json` prints. Raises AssayError.
    """
    from pipelines.annotate import push

    return push(Path(release), _settings(settings) if settings else None, progress=reporter().line).figures


@flow(name="annotate-pull", persist_result=False)
def annotate_pull(release: str, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """Read what people answered, book it, decide; and make the release again where something new was decided.

    `settings` as for `annotate_push`. Returns what `assay annotate pull --json` prints. Raises AssayError.
    """
    from pipelines.annotate import pull

    got = pull(Path(release), _settings(settings) if settings else None, progress=reporter().line)
    if got.sources:
        curate(list(got.sources), release, got.settings.model_dump(mode="json"))
    return {**got.figures, "released": bool(got.sources)}


def _settings(given: dict[str, Any] | None) -> Settings:
    try:
        return Settings.model_validate(without_beside(given or {}))
    except ValidationError as error:
        raise SettingsError(f"settings: {first_problem(error)}") from error


def _runner(given: dict[str, Any] | None) -> RunnerSettings:
    # Its module is not imported to ask: most flows run without.
    if type(getattr(FlowRunContext.get(), "task_runner", None)).__name__ == "DaskTaskRunner":
        return RunnerSettings(kind="dask")
    try:
        return RunnerSettings.model_validate((given or {}).get("runner") or {})
    except ValidationError as error:
        raise SettingsError(f"settings.runner: {first_problem(error)}") from error


def _show(report: Report) -> None:
    """The report in Prefect's UI: a page, and a table of where the rows went."""
    create_markdown_artifact(render_markdown(report), key="assay-report", description="Data-quality report")
    rows = [{"outcome": name, "rows": count} for name, count in report.rows.outcomes.items()]
    create_table_artifact(rows, key="assay-outcomes", description="Every input row, by outcome")
