"""What Prefect is told beside a run's state: that a gate failed, so that an automation can act on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import GateFailed
from schemas.manifest import MANIFEST
from schemas.report import Verdict

GATE_FAILED = "assay.gate.failed"
FOLDER = "assay.release.folder"
"""The label of the event's resource that holds the release's absolute folder."""


def gate_failed(release: Path, run_id: str, verdict: Verdict) -> None:
    """Say that `verdict` refused the release. Its payload is what `failed_demands` returns, and the policy's name.

    Where no server answers nobody is told; that never fails the run.
    """
    from prefect.events import emit_event

    folder = str(release.resolve())
    emit_event(
        GATE_FAILED,
        resource={"prefect.resource.id": f"assay.release.{run_id}", "prefect.resource.name": folder, FOLDER: folder},
        payload={"release": folder, "policy": verdict.policy, "failed": failed_demands(verdict)},
    )


def stamp(release: Path) -> bytes | None:
    """What differs from one release in a folder to the next; null where there is none."""
    try:
        return (release / MANIFEST).read_bytes()
    except OSError:
        return None


def require_told(release: Path, policy: Path | None = None) -> Verdict:
    """`pipelines.gate.require`, telling Prefect where the gate fails. Raises as that does."""
    from pipelines._manifest import read_manifest
    from pipelines.gate import gate, require

    try:
        return require(release, policy)
    except GateFailed:
        gate_failed(release, read_manifest(release).run_id, gate(release, policy))
        raise


def failed_demands(verdict: Verdict) -> list[Mapping[str, Any]]:
    """figure, measured (null: not measured), requirement and why of each demand that decided against the release."""
    failed = (demand for demand in verdict.demands if not demand.passed and demand.severity == "fail")
    fields = {"measured", "requirement", "why"}
    return [{"figure": demand.name, **demand.model_dump(mode="json", include=fields)} for demand in failed]
