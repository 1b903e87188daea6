"""The project: what is curated, where, when and on which machines; none of it changes what a release holds.

`assay.yaml` has it in two sections beside the settings, `project` and `runner`. A release's manifest has neither, so
that another hour or another cluster makes no other release.
"""

from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator

from schemas.errors import SettingsError
from schemas.settings import BESIDE, Frozen, first_problem, read_settings_file

Deployment = Literal["curate", "annotate-push", "annotate-pull", "release", "gate"]


class ScheduleSettings(Frozen):
    """When a deployment runs: by cron, or every so many seconds. Neither: only when it is asked for."""

    cron: str | None = Field(default=None, min_length=1)
    interval: float | None = Field(default=None, gt=0, le=10 * 366 * 86_400)  # seconds
    timezone: str = "UTC"  # of the cron line

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, said: str) -> str:
        try:
            ZoneInfo(said)
        except (KeyError, ValueError, OSError) as error:  # OSError: a folder of them, such as Europe
            raise ValueError("is no time zone; give one of IANA's names, such as Europe/Berlin") from error
        return said

    @model_validator(mode="after")
    def _one_of_both(self) -> "ScheduleSettings":
        if self.cron is not None and self.interval is not None:
            raise ValueError("cron and interval are both given; keep one")
        return self


class WatchSettings(Frozen):
    """Look at the sources now and then, and curate when something is new there."""

    every: float = Field(default=60.0, gt=0)  # seconds


class FailedGateSettings(Frozen):
    """What follows a gate that failed: a deployment runs, a notification is sent, or both."""

    # annotate-push or annotate-pull of this project, or any deployment of the server, as FLOW/NAME.
    run: str | None = Field(default=None, pattern=r"^(annotate-push|annotate-pull|[^/%]+/[^/%]+)$")
    # A notification block of Prefect's, as TYPE/NAME: slack-webhook/data-team.
    notify: str | None = Field(default=None, pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")

    @model_validator(mode="after")
    def _says_something(self) -> "FailedGateSettings":
        if self.run is None and self.notify is None:
            raise ValueError("says neither run nor notify; give one, or remove the section")
        return self


class ProjectSettings(Frozen):
    """What runs by the clock. Relative paths start at the folder of assay.yaml."""

    sources: tuple[str, ...] = ()
    out: str | None = None
    # Where `release` publishes what passed the gate: a folder, or a URL that fsspec knows.
    publish: str | None = None
    schedules: dict[Deployment, ScheduleSettings] = Field(default_factory=dict)
    watch: WatchSettings | None = None
    on_failed_gate: FailedGateSettings | None = None


class RunnerSettings(Frozen):
    """What works on the shards of a run. The bytes of a release are the same on each."""

    kind: Literal["local", "dask", "ray"] = "local"
    # Of a scheduler that runs, such as tcp://10.0.0.1:8786; null starts workers here.
    address: str | None = None
    workers: int | None = Field(default=None, ge=1)  # here, where no address is given; null is one a core


class Project(Frozen):
    """Both sections."""

    project: ProjectSettings = ProjectSettings()
    runner: RunnerSettings = RunnerSettings()


def load_project(path: Path | None) -> Project:
    """The project that the file at `path` tells, or the defaults. Raises SettingsError naming the file and the key."""
    return project_from(read_settings_file(path), str(path)) if path else Project()


def project_from(given: dict[str, Any], where: str = "settings") -> Project:
    """The project among the content of assay.yaml. Raises SettingsError naming `where` and the key."""
    try:
        return Project.model_validate({key: given[key] or {} for key in BESIDE if key in given})
    except ValidationError as error:
        raise SettingsError(f"{where}: {first_problem(error)}") from error
