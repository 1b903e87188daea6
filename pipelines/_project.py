"""What a scheduled run is called with: what assay.yaml says where the call does not, in the folder of that file."""

from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from schemas.errors import SettingsError, UsageError
from schemas.project import ProjectSettings, RunnerSettings, load_project, project_from
from schemas.settings import Settings, first_problem, load_settings, without_beside

DEFAULT_CONFIG = Path("assay.yaml")


class Called(NamedTuple):
    """One run's call, as the flow was given it."""

    config: Path | None  # absolute; null where nothing but the call says anything
    project: ProjectSettings
    given: dict[str, Any] | None  # the content of assay.yaml, where it came with the call

    def settings(self) -> Settings:
        """Those that came with the call, else the file's, else the defaults. Raises SettingsError."""
        return settings_from(self.given) if self.given is not None else load_settings(self.config)

    def settings_if_said(self) -> Settings | None:
        """As `settings`; null where neither the call nor a file says anything."""
        return None if self.given is None and self.config is None else self.settings()

    def runner(self) -> RunnerSettings:
        """What works on the shards, by the same rule. Raises SettingsError."""
        return project_from(self.given).runner if self.given is not None else load_project(self.config).runner

    def sources(self, given: Sequence[str] | None) -> list[str]:
        """What is curated. Raises UsageError where nobody says it."""
        found = list(given or self.project.sources)
        if not found:
            raise UsageError(f"{self._where}: no sources; name them under project.sources, or call the run with them")
        return found

    def out(self, given: str | None) -> Path:
        """The release's folder. Raises UsageError where nobody says it."""
        said = given or self.project.out
        if not said:
            raise UsageError(f"{self._where}: no folder for the release; name it under project.out, or in the call")
        return Path(said)

    def shelf(self, given: str | None) -> str:
        """Where releases are published. Raises UsageError where nobody says it."""
        said = given or self.project.publish
        if not said:
            raise UsageError(f"{self._where}: nowhere to publish; name a folder or URL under project.publish")
        return said

    @property
    def _where(self) -> str:
        return str(self.config) if self.config else "no assay.yaml was named"


@contextmanager
def called(config: str | None, given: dict[str, Any] | None = None) -> Iterator[Called]:
    """Within it, relative paths start at the folder of `config`. Raises SettingsError where that cannot be read."""
    if config is None:
        yield Called(None, ProjectSettings(), given)
        return
    path = Path(config).absolute()
    project = load_project(path).project
    # A worker runs wherever it was started; the paths in the file mean the same on all of them.
    with chdir(path.parent):
        yield Called(path, project, given)


def settings_from(given: dict[str, Any]) -> Settings:
    """The settings among the content of assay.yaml. Raises SettingsError."""
    try:
        return Settings.model_validate(without_beside(given))
    except ValidationError as error:
        raise SettingsError(f"settings: {first_problem(error)}") from error
