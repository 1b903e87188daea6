"""The plan of `assay serve`: what is served and when, with every mistake in it found before a server starts."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pipelines._project import DEFAULT_CONFIG, Called, called
from schemas.errors import SettingsError, SourceError, UsageError
from schemas.project import Deployment, FailedGateSettings, ScheduleSettings, WatchSettings

DEPLOYMENTS: tuple[Deployment, ...] = ("curate", "gate", "release", "annotate-push", "annotate-pull")
"""The flows that are served, in the order in which they are shown."""


class Plan(NamedTuple):
    """One project, as it is served."""

    name: str  # of the project, and of each of its deployments
    config: Path  # absolute
    sources: tuple[str, ...]
    out: Path  # absolute
    schedules: dict[Deployment, ScheduleSettings]  # a flow that is not in it runs when it is asked for
    watch: WatchSettings | None
    on_failed_gate: FailedGateSettings | None


def plan_of(config: Path | None, cron: str | None, interval: float | None, say: Callable[[str], None]) -> Plan:
    """The plan of the project in `config`; `cron` or `interval` (seconds) replace what it says of `curate`.

    Raises AssayError for whatever would make every run fail. Sources that are not there yet do not: a feed may come.
    """
    path = config or DEFAULT_CONFIG
    if config is None and not path.exists():
        raise UsageError(f"{path}: is not here; give --config, or start from docs/operating.md")
    with called(str(path)) as call:
        sources, out = call.sources(None), call.out(None).absolute()
        name = call.settings().annotation.project
        _refuse_hopeless(call, sources, out, say)
        project = call.project
    schedules = dict(project.schedules)
    if cron is not None or interval is not None:
        schedules["curate"] = _called_for(cron, interval, schedules.get("curate"))
    for deployment, when in schedules.items():
        _refuse_unreadable(deployment, when)
    _refuse_nowhere(schedules, project.publish, path)
    assert call.config is not None
    return Plan(name, call.config, tuple(sources), out, schedules, project.watch, project.on_failed_gate)


def _refuse_hopeless(call: Called, sources: list[str], out: Path, say: Callable[[str], None]) -> None:
    from pipelines._prepare import refuse_hopeless

    try:
        refuse_hopeless(sources, out, call.settings())
    except SourceError as error:
        say(f"{'waiting':<13} {error}; until then a run of curate fails")


def _called_for(cron: str | None, interval: float | None, said: ScheduleSettings | None) -> ScheduleSettings:
    if cron is not None and interval is not None:
        raise UsageError("--cron and --interval are both given; keep one")
    if cron is not None and not cron.strip():
        raise UsageError("--cron: is empty; give a line of five fields, such as '0 3 * * *'")
    return ScheduleSettings(cron=cron, interval=interval, timezone=said.timezone if said else "UTC")


def _refuse_unreadable(deployment: str, when: ScheduleSettings) -> None:
    """Raise SettingsError where the scheduler cannot read the cron line."""
    if when.cron is None:
        return
    from prefect.client.schemas.schedules import CronSchedule

    try:
        CronSchedule(cron=when.cron, timezone=when.timezone)
    except ValueError as error:
        raise SettingsError(
            f"{deployment}: cron {when.cron!r} is no cron line; give five fields: minute hour day month weekday"
        ) from error


def _refuse_nowhere(schedules: dict[Deployment, ScheduleSettings], shelf: str | None, path: Path) -> None:
    when = schedules.get("release")
    if when is not None and (when.cron or when.interval) and not shelf:
        raise UsageError(
            f"{path}: release has a schedule and nowhere to publish; name a folder or URL: project.publish"
        )
