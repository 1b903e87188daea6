"""What follows a gate that failed: an automation on the server, which acts though nobody serves."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.actions import ActionTypes, RunDeployment, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from pipelines._events import FOLDER, GATE_FAILED
from pipelines.serving.plan import Plan
from schemas.errors import UsageError
from schemas.project import FailedGateSettings

_SUBJECT = "Assay: the gate failed for {{ event.resource.name }}"
_BODY = """{% for one in event.payload.failed %}{{ one.figure }} is {{ one.measured }}, must be {{ one.requirement }}
{% endfor %}"""


async def on_failed_gate(plan: Plan, deployments: Mapping[str, UUID]) -> str | None:
    """Make the server's automation what the project says: made, changed, or removed. What it does, in words.

    `deployments` has the id of each flow that is served. Raises UsageError where the notification block is unknown.
    """
    name = f"assay {plan.name}: failed gate"
    async with get_client() as client:
        known = await client.read_automations_by_name(name)
        said = plan.on_failed_gate
        wanted = None if said is None else _automation(name, plan, await _actions(said, deployments, client))
        for automation in known[0 if wanted is None else 1 :]:
            await client.delete_automation(automation.id)
        if wanted is None:
            return None
        if known:
            await client.update_automation(known[0].id, wanted)
        else:
            await client.create_automation(wanted)
    assert said is not None
    run = f"{said.run}/{plan.name}" if said.run in deployments else said.run
    steps = [f"runs {run}"] if run else []
    return " and ".join([*steps, *([f"notifies {said.notify}"] if said.notify else [])])


def _automation(name: str, plan: Plan, actions: list[ActionTypes]) -> AutomationCore:
    return AutomationCore(
        name=name,
        description=f"Made by `assay serve` from {plan.config}; it is made again when that runs.",
        trigger=EventTrigger(
            expect={GATE_FAILED},
            # Other projects on this server have automations of their own.
            match={FOLDER: str(plan.out.resolve())},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=actions,
    )


async def _actions(
    said: FailedGateSettings, deployments: Mapping[str, UUID], client: PrefectClient
) -> list[ActionTypes]:
    actions: list[ActionTypes] = []
    if said.run is not None:
        actions.append(
            RunDeployment(
                source="selected",
                deployment_id=deployments.get(said.run) or await _deployment(said.run, client),
                parameters=None,
                job_variables=None,
            )
        )
    if said.notify is not None:
        actions.append(
            SendNotification(block_document_id=await _block(said.notify, client), subject=_SUBJECT, body=_BODY)
        )
    return actions


async def _deployment(named: str, client: PrefectClient) -> UUID:
    try:
        return (await client.read_deployment_by_name(named)).id
    except ObjectNotFound as error:
        raise UsageError(
            f"project.on_failed_gate.run: the server has no deployment {named}; `prefect deployment ls` shows those "
            "there are"
        ) from error


async def _block(named: str, client: PrefectClient) -> UUID:
    kind, name = named.split("/")
    try:
        return (await client.read_block_document_by_name(name, kind)).id
    except ObjectNotFound as error:
        raise UsageError(
            f"project.on_failed_gate.notify: the server has no block {named}; make it in the UI under Blocks, "
            "`prefect block ls` shows those there are"
        ) from error
