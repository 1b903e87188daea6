"""Which Prefect server a run is shown on."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipelines import _prefect_server
from pipelines._prefect_server import DEFAULT, server_url


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, no variables, and nobody on the usual port."""
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_prefect_server, "_answers", lambda: False)


def test_nothing_said_and_nobody_there_is_none() -> None:
    assert server_url() is None


def test_the_variable_comes_first_and_empty_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("prefect.toml").write_text('[api]\nurl = "http://file/api"\n')
    monkeypatch.setenv("PREFECT_API_URL", "http://variable/api")
    assert server_url() == "http://variable/api"
    monkeypatch.setenv("PREFECT_API_URL", "")
    assert server_url() is None


def test_files_and_the_active_profile_are_asked_in_prefects_order(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "profiles.toml").write_text(
        'active = "work"\n[profiles.work]\nPREFECT_API_URL = "http://profile/api"\n[profiles.other]\n'
    )
    assert server_url() == "http://profile/api"
    Path("pyproject.toml").write_text('[tool.prefect.api]\nurl = "http://project/api"\n')
    assert server_url() == "http://project/api"
    Path("prefect.toml").write_text('[api]\nurl = "http://file/api"\n')
    assert server_url() == "http://file/api"


def test_another_profile_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "profiles.toml").write_text(
        'active = "work"\n[profiles.work]\nPREFECT_API_URL = "http://busy/api"\n[profiles.alone]\n'
    )
    monkeypatch.setenv("PREFECT_PROFILE", "alone")
    assert server_url() is None


@pytest.mark.parametrize("broken", ["= not toml", "api = 3", '[api]\nurl = ["a list"]', "\0"])
def test_a_file_that_says_nothing_useful_says_nothing(broken: str) -> None:
    Path("prefect.toml").write_text(broken)
    assert server_url() is None


def test_a_server_on_the_usual_port_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_prefect_server, "_answers", lambda: True)
    assert server_url() == DEFAULT


class _Answer(BaseHTTPRequestHandler):
    said = b"true"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.said)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def somebody() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("said", "found"), [(b"true", True), (b"<html>another program</html>", False)])
def test_only_who_answers_as_prefect_does_is_prefect(
    monkeypatch: pytest.MonkeyPatch, somebody: int, said: bytes, found: bool
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(_prefect_server, "PORT", somebody)
    monkeypatch.setattr(_Answer, "said", said)
    assert _prefect_server._answers() is found


def test_nobody_listens_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(_prefect_server, "PORT", 9)
    assert _prefect_server._answers() is False
