"""docs/operating.md: its project loads, its Prefect commands exist, and its services are those of the compose file."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_project_that_is_shown_loads_and_its_keys_are_all_told(tmp_path: Path) -> None:
    from schemas.project import ProjectSettings, load_project
    from schemas.settings import load_settings

    (block,) = fenced("yaml")
    path = tmp_path / "assay.yaml"
    path.write_text(block)
    assert load_settings(path).annotation.project == "support"
    project = load_project(path).project
    assert set(project.schedules) == {"curate", "annotate-push", "annotate-pull", "release"}
    assert project.on_failed_gate is not None
    for key in ProjectSettings.model_fields:
        assert re.search(rf"^\| `project\.{key}[.`]", PAGE, re.MULTILINE), key


COMMANDS = sorted(
    {
        " ".join(re.findall(r"^[a-z-]+(?: [a-z-]+)*", re.sub(r"--no-prompt ", "", line))[0].split()[1:4])
        for block in fenced("bash")
        for line in block.splitlines()
        if line.startswith("prefect ")
    }
)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_prefect_command_that_is_shown_exists(command: str, tmp_path: Path) -> None:
    words = [word for word in command.split() if word not in {"assay", "curate"}]
    done = subprocess.run([sys.executable, "-m", "prefect", *words, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert words[-1] in done.stdout


def test_the_services_that_are_shown_are_those_of_the_compose_file() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    for block in fenced("bash"):
        for line in block.splitlines():
            if line.startswith("docker compose"):
                words = [word for word in line.split() if not word.startswith("-")]
                named = set(words) - {"docker", "compose", "deploy/compose.yaml", "up", "run", "logs"}
                assert named <= set(services) | {"argilla"}, line


def test_the_events_and_labels_are_those_that_are_sent() -> None:
    from pipelines._events import FOLDER, GATE_FAILED

    assert f"`{GATE_FAILED}`" in PAGE
    assert f"`{FOLDER}`" in PAGE
