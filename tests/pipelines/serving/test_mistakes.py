"""Every mistake in a call of `assay serve`, or in its project, is one line with its remedy, before a server starts."""

import socket
from typing import Any

import pytest

NOWHERE = "http://127.0.0.1:9/api"


@pytest.mark.parametrize(
    ("text", "words", "complaint"),
    [
        ("project: {out: release}\n", (), "no sources; name them under project.sources"),
        ("project: {sources: [raw.jsonl]}\n", (), "no folder for the release; name it under project.out"),
        ("project: {sources: [raw.jsonl], out: release}\n", ("--cron", "every day"), "'every day' is no cron line"),
        ("project: {sources: [raw.jsonl], out: release}\n", ("--cron", "61 * * * *"), "is no cron line"),
        ("project: {sources: [raw.jsonl], out: release}\n", ("--cron", " "), "--cron: is empty"),
        (
            "project: {sources: [raw.jsonl], out: release}\n",
            ("--cron", "0 3 * * *", "--interval", "60"),
            "--cron and --interval are both given; keep one",
        ),
        ("project: {sources: [raw.jsonl], out: release}\n", ("--interval", "0"), "--interval"),
        (
            "project:\n  sources: [raw.jsonl]\n  out: release\n  schedules:\n    gate: {cron: '* * *'}\n",
            (),
            "gate: cron '* * *' is no cron line",
        ),
        (
            "project:\n  sources: [raw.jsonl]\n  out: release\n  schedules:\n    release: {interval: 60}\n",
            (),
            "release has a schedule and nowhere to publish",
        ),
        (
            "project:\n  sources: [raw.jsonl]\n  out: release\n"
            "  schedules:\n    curate: {cron: 0 3 * * *, timezone: Mars/Base}\n",
            (),
            "is no time zone; give one of IANA's names",
        ),
        ("project: {sources: [raw.jsonl], out: .}\n", (), "holds the source"),
        ("project: {sources: [raw.jsonl], out: release}\nvalidation: {max_token: 9}\n", (), "max_token: unknown key"),
    ],
)
def test_a_mistake_is_one_line(project: Any, text: str, words: tuple[str, ...], complaint: str) -> None:
    project.says(text)
    assert complaint in project.refusal("serve", "--port", "0", *words)


def test_no_project_is_one_line(project: Any) -> None:
    (project.folder / "assay.yaml").unlink()
    assert "assay.yaml: is not here; give --config" in project.refusal("serve", "--port", "0")
    assert "check the path given to --config" in project.refusal("serve", "--port", "0", "--config", "other.yaml")


def test_a_server_that_does_not_answer_is_one_line(project: Any) -> None:
    assert "no Prefect server answers there; start it, or unset" in project.refusal("serve", PREFECT_API_URL=NOWHERE)


def test_a_taken_port_is_one_line(project: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = project.refusal("serve", "--port", str(taken.getsockname()[1]))
    assert "choose another --host or --port" in said
    assert "choose another --host" in project.refusal("serve", "--host", "no.such.host.invalid", "--port", "0")


def test_a_server_that_is_there_is_not_moved(project: Any, server: Any) -> None:
    assert "leave out --host and --port" in project.refusal("serve", "--port", "0", PREFECT_API_URL=server.url)
