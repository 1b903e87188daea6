from pathlib import Path

import pytest

from schemas.errors import SettingsError
from schemas.project import Project, load_project
from schemas.settings import Settings, load_settings


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "assay.yaml"
    path.write_text(text)
    return path


def test_without_a_file_nothing_is_scheduled() -> None:
    assert load_project(None) == Project()


def test_when_and_where_are_no_settings(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "seed: 7\nproject:\n  sources: [raw/*.jsonl]\n  out: release\n  schedules:\n    curate: {cron: 0 3 * * *}\n"
        "runner:\n  kind: dask\n  workers: 2\n",
    )
    assert load_settings(path) == Settings(seed=7)
    project = load_project(path)
    assert project.project.sources == ("raw/*.jsonl",)
    assert project.project.schedules["curate"].cron == "0 3 * * *"
    assert (project.runner.kind, project.runner.workers) == ("dask", 2)


def test_empty_sections_are_the_defaults(tmp_path: Path) -> None:
    assert load_project(written(tmp_path, "project:\nrunner:\n")) == Project()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("project:\n  source: [a]\n", "project.source: unknown key"),
        ("project:\n  schedules:\n    curate: {cron: '* * * * *', interval: 5}\n", "keep one"),
        ("project:\n  schedules:\n    curat: {interval: 5}\n", "project.schedules.curat"),
        ("project:\n  schedules:\n    curate: {cron: 0 3 * * *, timezone: Europe/Nowhere}\n", "is no time zone"),
        ("project:\n  schedules:\n    curate: {cron: 0 3 * * *, timezone: ../etc}\n", "is no time zone"),
        ("project:\n  on_failed_gate: {}\n", "neither run nor notify"),
        ("project:\n  on_failed_gate: {run: gate}\n", "project.on_failed_gate.run"),
        ("project:\n  on_failed_gate: {notify: Slack}\n", "project.on_failed_gate.notify"),
        ("runner:\n  kind: spark\n", "runner.kind"),
        ("runner: [dask]\n", "runner"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load_project(written(tmp_path, text))
