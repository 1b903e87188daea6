"""`assay annotate serve` as its user meets it: a real server, started, used, killed, started again."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from annotation.server import accounts, environment, process, serve
from annotation.server.embedded.private import private_folder, write_private_json
from schemas.errors import AnnotationError
from schemas.settings import AnnotationSettings


def settings(**tiers: list[str]) -> AnnotationSettings:
    said = {name: {"price": 1, "annotators": people} for name, people in tiers.items()}
    return AnnotationSettings.model_validate({"tiers": said, "rules": [{"tier": "crowd"}], "adjudication": None})


def log_in(url: str, name: str, password: str, **headers: str) -> httpx.Response:
    return httpx.post(f"{url}/api/v1/token", data={"username": name, "password": password}, headers=headers)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in (folder, *folder.iterdir())}


@pytest.fixture
def home(tmp_path: Path) -> Any:
    home = tmp_path / "store"
    yield home
    serve.stop(home)


@pytest.mark.slow
def test_a_server_lives_dies_and_lives_on(home: Path) -> None:
    said: list[str] = []
    crowd = settings(crowd=["ana"], expert=["eva"])
    first = serve.start(home, crowd, port=0, progress=said.append)

    # Nobody but the owner of the files can read them, and the accounts are told once.
    made = {one.username: one for one in first.new_accounts}
    assert {name: one.workspaces for name, one in made.items()} == {"owner": (), "ana": ("crowd",), "eva": ("expert",)}
    assert len({one.password for one in made.values()} | {one.api_key for one in made.values()}) == 6
    found = modes(home / "argilla")
    assert found.pop("argilla") == found.pop("tmp") == "0o700"
    assert {"credentials.json", "server.json", "secret.key", "argilla.db", "server.log"} <= set(found)
    assert set(found.values()) == {"0o600"}

    # It is found, and told apart from nothing.
    health = serve.health(home)
    assert (health.running, health.url, health.version, health.engine) == (True, first.url, "2.8.0", "assay")
    assert health.datasets == 0
    assert serve.endpoint(home) == (first.url, made["owner"].api_key)
    again = serve.start(home, settings(crowd=["ana", "zoe"], expert=["ana"]), port=0, progress=said.append)
    assert (again.already, again.pid, again.new_accounts) == (True, first.pid, ())
    assert any("runs already at" in line for line in said)
    assert any("have gained ana, zoe: stop the server and start it again" in line for line in said)

    # What is logged in to and written survives the worst end.
    token = log_in(first.url, "ana", made["ana"].password).json()["access_token"]
    owner = {"X-Argilla-Api-Key": made["owner"].api_key}
    assert httpx.post(f"{first.url}/api/v1/workspaces", json={"name": "kept"}, headers=owner).status_code == 201
    os.kill(first.pid, signal.SIGKILL)
    os.waitpid(first.pid, 0)
    assert (home / "argilla" / "server.json").exists()
    assert not serve.health(home).running
    with pytest.raises(AnnotationError, match=r"no Argilla server: run `assay annotate serve`, or set"):
        serve.endpoint(home)

    # Two start it at once: one server, and only what the settings have gained is new.
    gained = settings(crowd=["ana", "zoe"], expert=["ana"])
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: serve.start(home, gained, port=0, progress=said.append), range(2)))
    assert both[0].pid == both[1].pid
    assert sorted(one.already for one in both) == [False, True]
    assert [one.username for run in both for one in run.new_accounts] == ["zoe"]
    kept = {one.username: one for one in accounts.credentials(home / "argilla")}
    assert {name: kept[name].password for name in made} == {name: made[name].password for name in made}
    assert kept["ana"].workspaces == ("crowd", "expert")
    url = both[0].url
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{url}/api/v1/me", headers=bearer).json()["username"] == "ana"
    mine = httpx.get(f"{url}/api/v1/me/workspaces", headers=bearer).json()["items"]
    assert {one["name"] for one in mine} == {"crowd", "expert"}
    rooms = httpx.get(f"{url}/api/v1/me/workspaces", headers=owner).json()["items"]
    assert "kept" in {one["name"] for one in rooms}

    guess_passwords(url, kept)

    assert serve.stop(home)
    assert not serve.stop(home)
    assert not (home / "argilla" / "tmp").exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def guess_passwords(url: str, people: dict[str, accounts.Account]) -> None:
    """Neither the well-known password nor a guessed one helps, and after ten the door is shut for a while."""
    assert log_in(url, "argilla", "1234").status_code == 401
    assert log_in(url, "owner", "1234").status_code == 401
    # Who knows his password is not counted.
    assert {log_in(url, "zoe", people["zoe"].password).status_code for _ in range(3)} == {201}
    # Another name each time, and another address claimed: it is the address of the connection that counts.
    guesses = [log_in(url, f"ana{n}", "12345678", **{"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(10)]
    assert [one.status_code for one in guesses] == [401] * 8 + [429] * 2
    refused = log_in(url, "zoe", people["zoe"].password)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 300
    assert "Too many failed logins" in refused.json()["detail"]


@pytest.mark.slow
def test_in_the_foreground_it_stays_until_it_is_told_to_go(home: Path) -> None:
    # The very first start is killed while it makes the database.
    python, folder = environment.python(print), private_folder(home / "argilla")
    pid = process.spawn(folder, "127.0.0.1", 0, accounts.order(settings(crowd=[])), python)
    database = folder / "argilla.db"
    while not database.exists() or not database.stat().st_size:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    process.end(folder, pid)

    foreground = start_in_foreground(home)
    try:
        assert foreground.stdout is not None
        said = next(line for line in foreground.stdout if line.startswith("up ")).split()
        assert said[2] == "1"  # the owner's account, told as new
        assert httpx.get(f"{said[1]}/api/v1/status").json()["search_engine"]["name"] == "assay"
        with pytest.raises(AnnotationError, match="was started elsewhere"):
            serve.run_foreground(home, settings(crowd=[]), progress=print, started=print)
        assert serve.health(home).running
        foreground.send_signal(signal.SIGINT)
        assert foreground.wait(timeout=30) == 0
        assert not serve.health(home).running
    finally:
        foreground.kill()
        foreground.communicate()


def start_in_foreground(home: Path) -> "subprocess.Popen[str]":
    code = (
        "import sys; from pathlib import Path; from annotation.server import serve;"
        "from schemas.settings import AnnotationSettings;"
        "said = {'tiers': {'crowd': {'price': 1}}, 'rules': [{'tier': 'crowd'}], 'adjudication': None};"
        "sys.exit(serve.run_foreground(Path(sys.argv[1]), AnnotationSettings(**said), port=0, progress=print,"
        " started=lambda run: print('up', run.url, len(run.new_accounts), flush=True)))"
    )
    return subprocess.Popen([sys.executable, "-c", code, home], stdout=subprocess.PIPE, text=True)


def test_a_port_in_use_is_named(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AnnotationError, match=rf"port {port} on 127\.0\.0\.1 .*Address already in use.*--port"):
            serve.start(home, settings(crowd=[]), port=port, progress=print)
    assert not serve.health(home).running
    with pytest.raises(AnnotationError, match="port 70000: a port is 0 to 65535"):
        serve.start(home, settings(crowd=[]), port=70000, progress=print)


def test_a_start_that_fails_says_why_and_touches_nothing(home: Path) -> None:
    (home / "argilla").mkdir(parents=True)
    broken = home / "argilla" / "argilla.db"
    broken.write_text("this is no database, and long enough not to be taken for an empty one " * 10)
    before = broken.read_bytes()
    with pytest.raises(AnnotationError, match=r"ended during its start: .*file is not a database.*server\.log"):
        serve.start(home, settings(crowd=[]), port=0, progress=print)
    assert broken.read_bytes() == before
    assert oct((home / "argilla").stat().st_mode & 0o777) == "0o700"


def test_other_machines_are_warned_of(home: Path) -> None:
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        with pytest.raises(AnnotationError, match="choose another with --port"):
            serve.start(home, settings(crowd=[]), host="0.0.0.0", port=other.getsockname()[1], progress=said.append)
    assert any(line.startswith("warning: at 0.0.0.0 other machines") and "TLS" in line for line in said)


def test_a_stranger_with_the_servers_number_is_left_alone(home: Path) -> None:
    folder = home / "argilla"
    folder.mkdir(parents=True)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (folder / "server.lock").write_text(str(stranger.pid))
        stale = {"url": "http://127.0.0.1:9", "pid": stranger.pid, "port": 9, "api_key": "k"}
        write_private_json(folder / "server.json", stale)
        assert not serve.health(home).running
        assert not serve.stop(home)
        assert stranger.poll() is None
        assert not (folder / "server.json").exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_of_another_container_is_not_ended_here(home: Path) -> None:
    (home / "argilla").mkdir(parents=True)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        with (home / "argilla" / "server.lock").open("w") as lock:
            lock.write(str(stranger.pid))
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(AnnotationError, match="another machine or container; stop it there"):
                serve.stop(home)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_argilla_elsewhere_needs_both_of_its_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGILLA_API_URL", "https://argilla.example/")
    monkeypatch.delenv("ARGILLA_API_KEY", raising=False)
    with pytest.raises(AnnotationError, match="ARGILLA_API_KEY is not set"):
        serve.endpoint(home)
    monkeypatch.setenv("ARGILLA_API_KEY", "k")
    assert serve.endpoint(home) == ("https://argilla.example", "k")
    assert serve.health(home) == (False, None, None, None, None, None)
    assert not home.exists()


@pytest.mark.parametrize(
    ("people", "why"),
    [
        (["owner"], "the owner's account has this name"),
        ([""], "1 to 100 printable characters"),
        ([" ana"], "no space around it"),
        (["a\nb"], "printable"),
        (["a" * 101], "1 to 100"),
    ],
)
def test_a_name_that_cannot_be_an_account_is_refused(people: list[str], why: str) -> None:
    with pytest.raises(AnnotationError, match=why):
        accounts.order(settings(crowd=people))


def test_one_person_in_two_tiers_has_one_account() -> None:
    order = accounts.order(settings(crowd=["ana", "ana"], expert=["ana", "日本"]))
    assert order["workspaces"] == ["crowd", "expert"]
    assert [(one["username"], one["workspaces"]) for one in order["accounts"]] == [
        ("owner", []),
        ("ana", ["crowd", "expert"]),
        ("日本", ["expert"]),
    ]


def test_credentials_that_cannot_be_read_are_not_written_over(home: Path) -> None:
    (home / "argilla").mkdir(parents=True)
    spoilt = home / "argilla" / "credentials.json"
    spoilt.write_text("[{")
    with pytest.raises(AnnotationError, match=r"credentials\.json is not JSON; restore it"):
        serve.start(home, settings(crowd=[]), port=0, progress=print)
    assert spoilt.read_text() == "[{"


def test_a_store_that_cannot_be_written_is_named(home: Path) -> None:
    home.write_text("a file where the store's folder should be")
    with pytest.raises(AnnotationError, match=r"store/argilla: .*name a folder that can be written"):
        serve.start(home, settings(crowd=[]), port=0, progress=print)
    home.unlink()
