"""The project's flows as Prefect deployments: `curate/PROJECT`, `gate/PROJECT` and so on, one run of each at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron, Interval, Schedule
from prefect.types.entrypoint import EntrypointType

from pipelines.serving.plan import DEPLOYMENTS, Plan
from schemas.errors import UsageError
from schemas.project import ScheduleSettings

# A second run of the same deployment waits for the first, wherever both are run.
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


class Served(NamedTuple):
    """A deployment, and when it runs next."""

    name: str  # FLOW/PROJECT, as `prefect deployment run` takes it
    schedule: str  # in words
    next_run: datetime | None  # null where it runs when it is asked for


async def made(plan: Plan) -> list[RunnerDeployment]:
    """The deployments of a plan, not yet known to any server. What runs is named by module, never by file."""
    from pipelines import flow as flows

    found = []
    for name in DEPLOYMENTS:
        flow = getattr(flows, name.replace("-", "_"))
        schedule = _schedule(plan.schedules.get(name))
        found.append(
            await flow.ato_deployment(
                name=plan.name,
                schedules=[schedule] if schedule else [],
                parameters={"config": str(plan.config)},
                concurrency_limit=_ONE_AT_A_TIME,
                tags=["assay", plan.name],
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
        )
    return found


def _schedule(when: ScheduleSettings | None) -> Schedule | None:
    if when is None:
        return None
    if when.cron is not None:
        return Cron(when.cron, timezone=when.timezone)
    return Interval(timedelta(seconds=when.interval)) if when.interval is not None else None


async def served(plan: Plan) -> list[Served]:
    """What a person is told of each."""
    return [
        Served(f"{name}/{plan.name}", in_words(plan.schedules.get(name)), await next_run(plan.schedules.get(name)))
        for name in DEPLOYMENTS
    ]


def in_words(when: ScheduleSettings | None) -> str:
    """
    >>> in_words(ScheduleSettings(cron="0 3 * * *", timezone="Europe/Berlin")), in_words(ScheduleSettings(interval=90))
    ('cron 0 3 * * * (Europe/Berlin)', 'every 90 s')
    """
    if when is not None and when.cron is not None:
        return f"cron {when.cron} ({when.timezone})"
    return f"every {when.interval:g} s" if when is not None and when.interval is not None else "when it is asked for"


async def next_run(when: ScheduleSettings | None) -> datetime | None:
    """When it runs next, as the server's own scheduler reckons it."""
    if when is not None and when.interval is not None:
        return datetime.now(UTC) + timedelta(seconds=when.interval)
    if when is None or when.cron is None:
        return None
    from prefect.server.schemas.schedules import CronSchedule

    dates = await CronSchedule(cron=when.cron, timezone=when.timezone).get_dates(1)
    return dates[0] if dates else None


async def refuse_namesake(plan: Plan) -> None:
    """Raise UsageError where the server has a deployment of this name that is of another project's file."""
    async with get_client() as client:
        for name in DEPLOYMENTS:
            try:
                known = await client.read_deployment_by_name(f"{name}/{plan.name}")
            except ObjectNotFound:
                continue
            other = known.parameters.get("config")
            if other not in (None, str(plan.config)):
                raise UsageError(
                    f"{name}/{plan.name}: is already served for {other}; give annotation.project in {plan.config.name} "
                    f"another name, or remove the old one: prefect deployment delete {name}/{plan.name}"
                )


async def forget_missed(deployments: list[UUID]) -> int:
    """Delete the runs that a schedule had made for a time now past, while nobody served; how many those were.

    The next run does the work of all of them. What a person or an automation asked for stays.
    """
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
            ),
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=deployments)),
        )
        missed = [run for run in runs if run.auto_scheduled and _is_past(run)]
        for run in missed:
            await client.delete_flow_run(run.id)
    return len(missed)


def _is_past(run: Any) -> bool:
    return run.expected_start_time is not None and run.expected_start_time < datetime.now(UTC)


async def ask(deployment: UUID, why: str) -> UUID:
    """Ask for a run of a deployment now; the run's id."""
    async with get_client() as client:
        run = await client.create_flow_run_from_deployment(deployment, tags=["assay", why])
    return run.id


async def still_waits(run: UUID) -> bool:
    """Whether a run that was asked for has not begun. One that was deleted does not wait."""
    async with get_client() as client:
        try:
            state = (await client.read_flow_run(run)).state
        except ObjectNotFound:
            return False
    return state is not None and state.is_scheduled()
