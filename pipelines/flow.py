"""The Prefect flows: the stages in order, the two ends of review by people, the gate, and publishing.

Each stage is a pure function; here it becomes a task that reads frames from the run's work folder and
leaves frames there, so that paths pass between tasks and never data. A deployment (`pipelines.flow.curate`)
runs this flow, and so does `assay curate` where there is a Prefect server; without one it takes the same
course (`pipelines._course`) in its own process.

Each flow may be called with `config`, the path of an assay.yaml: what the call does not say, its sections say, and
relative paths start at its folder.
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

from pipelines._account import account
from pipelines._course import Steps, make_release, prepared
from pipelines._events import gate_failed, require_told, stamp
from pipelines._prefect_server import is_of_the_network
from pipelines._progress import Stage, reporter
from pipelines._project import Called, called
from pipelines._publish import Orchestration, publish
from pipelines._stages import Run, perform
from pipelines._summary import render_markdown
from schemas.errors import AssayError
from schemas.project import RunnerSettings
from schemas.report import Report, Verdict

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
def write_release(run: Run, orchestration: Orchestration) -> Report:
    """Exports, contract, report, verdict and manifest."""
    return publish(run, orchestration)


def _staged(name: str, run: Run) -> Stage:
    return stage.with_options(name=name)(name, run)


TASKS = Steps("prefect", prepare, _staged, write_release)
"""Each step as a task."""


def _run_name() -> str:
    """`alpaca_data.json.gz and 2 more, 2026-01-31 14:05`: what a person looks for in a list of runs."""
    sources = flow_run.parameters.get("sources") or _named_in(flow_run.parameters.get("config")) or ["nothing"]
    more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
    return f"{Path(sources[0]).name}{more}, {datetime.now(UTC):%Y-%m-%d %H:%M}"


def _named_in(config: str | None) -> tuple[str, ...]:
    """The sources of a project; none where its file cannot be read, which the run itself will say."""
    try:
        with called(config) as call:
            return call.project.sources
    except (AssayError, OSError):
        return ()


@flow(name="curate", flow_run_name=_run_name, persist_result=False)
def curate(
    sources: list[str] | None = None,
    out: str | None = None,
    settings: dict[str, Any] | None = None,
    config: str | None = None,
) -> Report:
    """Curate `sources` into a gated release in the folder `out`.

    `settings` is the content of assay.yaml; without it those of `config` hold, else the defaults. Where the flow has
    prefect-dask's DaskTaskRunner (`curate.with_options(task_runner=...)`), the shards go to its workers too. Says so
    where the gate failed (see _events). Raises AssayError: a SourceError when no source can be read, a UsageError
    when `out` or the runner cannot be used, or another run is writing there.
    """
    with account("curate"), called(config, settings) as call:
        folder = call.out(out)
        before = stamp(folder)
        report = make_release(call.sources(sources), folder, call.settings(), TASKS, _runner(call))
        # Said once of each release, not with each run that finds it unchanged.
        if report.gate is not None and not report.gate.passed and stamp(folder) != before:
            gate_failed(folder, report.run.run_id, report.gate)
        _show_if_anybody_sees(report)
        return report


@flow(name="annotate-push", persist_result=False)
def annotate_push(
    release: str | None = None, settings: dict[str, Any] | None = None, config: str | None = None
) -> dict[str, Any]:
    """Give out what waits for review in the folder `release`, once, within the budget.

    Of the settings only `annotation` counts; without any those of the release hold. Returns what
    `assay annotate push --json` prints. Raises AssayError.
    """
    from pipelines.annotate import push

    with account("annotate-push"), called(config, settings) as call:
        return push(call.out(release), call.settings_if_said(), progress=reporter().line).figures


@flow(name="annotate-pull", persist_result=False)
def annotate_pull(
    release: str | None = None, settings: dict[str, Any] | None = None, config: str | None = None
) -> dict[str, Any]:
    """Read what people answered, book it, decide; and make the release again where something new was decided.

    Settings as for `annotate_push`. Returns what `assay annotate pull --json` prints. Raises AssayError.
    """
    from pipelines.annotate import pull

    with account("annotate-pull"), called(config, settings) as call:
        folder = call.out(release)
        got = pull(folder, call.settings_if_said(), progress=reporter().line)
        if got.sources:
            curate(list(got.sources), str(folder), got.settings.model_dump(mode="json"))
        return {**got.figures, "released": bool(got.sources)}


@flow(name="gate", persist_result=False)
def gate(release: str | None = None, policy: str | None = None, config: str | None = None) -> Verdict:
    """Judge a release as `assay gate` does. Says so where it fails (see _events).

    Raises GateFailed when it fails, and ReleaseError when it cannot be judged, so that the run is seen to have failed.
    """
    with account("gate"), called(config) as call:
        return require_told(call.out(release), Path(policy) if policy else None)


@flow(name="release", persist_result=False)
def release(release: str | None = None, to: str | None = None, config: str | None = None) -> dict[str, Any]:
    """Publish a finished release to the folder or URL `to`, if its files are as they were made and its gate passes.

    Publishing again changes nothing, and completes what was interrupted. Returns `url`, `files` and `written`. Raises
    GateFailed and ReleaseError as `gate` does, and UsageError where `to` cannot be written.
    """
    from pipelines._shelf import publish as put

    with account("release"), called(config) as call:
        folder, shelf = call.out(release), call.shelf(to)
        require_told(folder)
        published = put(folder, shelf)
        reporter().line(f"published     {published.written} of {published.files} files written to {published.url}")
        return published._asdict()


def _show_if_anybody_sees(report: Report) -> None:
    """A server that went away meanwhile is no reason to fail: the release is finished."""
    try:
        _show(report)
    except Exception as error:
        if not is_of_the_network(error):
            raise
        reporter().line(f"{'unseen':<13} the Prefect server does not answer, so it does not show the report")


def _runner(call: Called) -> RunnerSettings:
    # Its module is not imported to ask: most flows run without.
    if type(getattr(FlowRunContext.get(), "task_runner", None)).__name__ == "DaskTaskRunner":
        return RunnerSettings(kind="dask")
    return call.runner()


def _show(report: Report) -> None:
    """The report in Prefect's UI: a page, and a table of where the rows went."""
    create_markdown_artifact(render_markdown(report), key="assay-report", description="Data-quality report")
    rows = [{"outcome": name, "rows": count} for name, count in report.rows.outcomes.items()]
    create_table_artifact(rows, key="assay-outcomes", description="Every input row, by outcome")
