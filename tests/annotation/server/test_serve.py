"""`assay annotate serve` as its user meets it: a real server, started, used, killed, started again."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from annotation.server import accounts, environment, finding, process, serve, server_log
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
    health = finding.health(home)
    assert (health.running, health.url, health.version, health.engine) == (True, first.url, "2.8.0", "assay")
    assert health.datasets == 0
    assert finding.endpoint(home) == (first.url, made["owner"].api_key)
    again = serve.start(home, settings(crowd=["ana", "zoe"], expert=["ana"]), port=0, progress=said.append)
    assert (again.already, again.pid, again.new_accounts) == (True, first.pid, ())
    assert any("runs already at" in line for line in said)
    assert any("have gained ana, zoe: stop the server and start it again" in line for line in said)
    ask_for_another_place(home, crowd, first)

    # What is logged in to and written survives the worst end.
    token = log_in(first.url, "ana", made["ana"].password).json()["access_token"]
    owner = {"X-Argilla-Api-Key": made["owner"].api_key}
    assert httpx.post(f"{first.url}/api/v1/workspaces", json={"name": "kept"}, headers=owner).status_code == 201
    os.kill(first.pid, signal.SIGKILL)
    os.waitpid(first.pid, 0)
    assert (home / "argilla" / "server.json").exists()
    assert not finding.health(home).running
    with pytest.raises(AnnotationError, match=r"no Argilla server: run `assay annotate serve`, or set"):
        finding.endpoint(home)

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


def ask_for_another_place(home: Path, crowd: AnnotationSettings, running: serve.Running) -> None:
    for elsewhere in ({"port": running.port + 1}, {"host": "0.0.0.0"}):
        with pytest.raises(AnnotationError, match=rf"runs already, at {running.url} .*stop it first"):
            serve.start(home, crowd, progress=print, **elsewhere)  # type: ignore[arg-type]
    assert serve.start(home, crowd, host="localhost", port=running.port, progress=print).already


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


@pytest.mark.long
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

    stay(home, lambda _: guess_and_stop(home), first=True)
    stay(home, lambda foreground: foreground.send_signal(signal.SIGHUP))


def stay(home: Path, ended: Callable[["subprocess.Popen[str]"], Any], first: bool = False) -> None:
    foreground = start_in_foreground(home)
    try:
        assert foreground.stdout is not None
        said = next(line for line in foreground.stdout if line.startswith("up ")).split()
        assert said[2] == str(int(first))  # the owner's account, told as new
        assert httpx.get(f"{said[1]}/api/v1/status").json()["search_engine"]["name"] == "assay"
        with pytest.raises(AnnotationError, match="was started elsewhere"):
            serve.run_foreground(home, settings(crowd=[]), progress=print, started=print)
        assert finding.health(home).running
        ended(foreground)
        assert foreground.wait(timeout=120) == 0
        assert not finding.health(home).running
    finally:
        foreground.kill()
        foreground.communicate()


def guess_and_stop(home: Path) -> None:
    """FORWARDED_ALLOW_IPS names the proxy, so each of its visitors is counted by his own address."""
    url = str(finding.health(home).url)
    guesses = [log_in(url, f"ana{n}", "12345678", **{"X-Forwarded-For": "10.0.0.1"}) for n in range(11)]
    assert [one.status_code for one in guesses] == [401] * 10 + [429]
    assert log_in(url, "ben", "12345678", **{"X-Forwarded-For": "10.0.0.2"}).status_code == 401
    assert serve.stop(home)


def start_in_foreground(home: Path) -> "subprocess.Popen[str]":
    code = (
        "import sys; from pathlib import Path; from annotation.server import serve;"
        "from schemas.settings import AnnotationSettings;"
        "said = {'tiers': {'crowd': {'price': 1}}, 'rules': [{'tier': 'crowd'}], 'adjudication': None};"
        "sys.exit(serve.run_foreground(Path(sys.argv[1]), AnnotationSettings(**said), port=0, progress=print,"
        " started=lambda run: print('up', run.url, len(run.new_accounts), flush=True)))"
    )
    environ = {**os.environ, "FORWARDED_ALLOW_IPS": "127.0.0.1"}
    return subprocess.Popen([sys.executable, "-c", code, home], stdout=subprocess.PIPE, text=True, env=environ)


def test_who_is_to_outlive_his_terminal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        assert signal.SIGHUP in serve._ending_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
        assert signal.SIGHUP not in serve._ending_signals()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.long
@pytest.mark.slow
def test_a_start_that_is_ended_ends_its_server_and_the_next_shows_the_accounts(home: Path) -> None:
    folder = home / "argilla"
    command = [Path(sys.executable).parent / "assay", "annotate", "serve", "--port", "0"]
    with subprocess.Popen(
        command, env={**os.environ, "ASSAY_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as starting:
        # They are made, and the server does not answer yet.
        while not (folder / "credentials.json").exists() and starting.poll() is None:
            time.sleep(0.01)
        starting.send_signal(signal.SIGTERM)
        said, why = starting.communicate(timeout=120)
    assert (starting.returncode, said) == (143, "")
    assert "terminated" in why
    assert not finding.health(home).running
    with pytest.raises(ZeroDivisionError):  # what shows them fails
        serve.start(home, settings(crowd=[]), port=0, progress=print, started=lambda _: 1 // 0)  # type: ignore[arg-type, return-value]
    running = serve.start(home, settings(crowd=[]), progress=print)
    assert running.already
    assert {one.username for one in running.new_accounts} >= {"owner", "annotator"}
    assert serve.start(home, settings(crowd=[]), progress=print).new_accounts == ()
    start_while_it_stops(home, running)


def start_while_it_stops(home: Path, running: serve.Running) -> None:
    """A request that is under way keeps it from its end for some seconds, in which it is not one that runs."""
    said: list[str] = []
    with socket.create_connection(("127.0.0.1", running.port)) as slow:
        slow.sendall(b"POST /api/v1/token HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nhalf")
        time.sleep(0.5)
        os.kill(running.pid, signal.SIGTERM)
        time.sleep(0.5)
        assert finding.health(home).url is None
        again = serve.start(home, settings(crowd=[]), port=0, progress=said.append)
    assert (again.already, again.new_accounts, said) == (False, (), [])
    assert again.pid != running.pid
    assert httpx.get(f"{again.url}/api/v1/status").status_code == 200


def test_a_port_in_use_is_named(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AnnotationError, match=rf"port {port} on 127\.0\.0\.1 .*Address already in use.*--port"):
            serve.start(home, settings(crowd=[]), port=port, progress=print)
    assert not finding.health(home).running
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


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7", "a" * 80, "::zz"])
def test_a_host_that_is_none_is_not_called_a_port(home: Path, host: str) -> None:
    with pytest.raises(AnnotationError, match=rf"^{host}: no address to listen on .*with --host$"):
        serve.start(home, settings(crowd=[]), host=host, port=0, progress=print)


def test_a_redis_that_is_not_there_is_named_and_soon(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGILLA_REDIS_URL", "redis://:secret@127.0.0.1:1/0")
    began = time.monotonic()
    with pytest.raises(AnnotationError, match=r"the Redis that ARGILLA_REDIS_URL names .*refused.*unset") as no:
        serve.start(home, settings(crowd=[]), port=0, progress=print)
    assert "secret" not in str(no.value)
    assert time.monotonic() - began < 60
    assert not (home / "argilla" / "argilla.db").exists()


def test_the_reason_of_an_end_is_one_of_this_start(tmp_path: Path) -> None:
    handle, since = server_log.opened(tmp_path)
    assert since == 0
    os.write(handle, b"ValueError: of yesterday\n")
    os.close(handle)
    handle, since = server_log.opened(tmp_path)
    why = server_log.why(tmp_path, -signal.SIGKILL, since, "h", 1)
    assert "ended it with SIGKILL, as the system does when memory is short" in why
    assert "yesterday" not in why
    assert "it was told to stop" in server_log.why(tmp_path, 0, since, "h", 1)
    os.write(handle, b"KeyError: 'today'\n\n")
    os.close(handle)
    assert "KeyError: 'today' (all of it in" in server_log.why(tmp_path, 1, since, "h", 1)


def test_another_server_for_push_and_pull_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    serve._name_another(said.append)
    monkeypatch.setenv("ARGILLA_API_URL", "https://argilla.example")
    serve._name_another(said.append)
    assert said == [said[0]]
    assert "push and pull use the server that it names, not this one" in said[0]


@pytest.fixture
def signed(home: Path) -> Any:
    """A store whose server's lock this process holds, as if it were the server."""
    (home / "argilla").mkdir(parents=True)
    with (home / "argilla" / "server.lock").open("w") as lock:
        lock.write(str(os.getpid()))
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield home / "argilla" / "server.json"


@pytest.mark.parametrize("spoilt", [{}, {"url": 1}, {"api_key": None}, {"port": "6900"}])
def test_what_says_where_the_server_is_may_be_spoilt(home: Path, signed: Path, spoilt: dict[str, Any]) -> None:
    said = {"url": "http://127.0.0.1:9", "pid": os.getpid(), "host": "127.0.0.1", "port": 9, "api_key": "k"}
    signed.write_text(json.dumps({**said, **spoilt} if spoilt else {"pid": os.getpid()}))
    assert process.address(home / "argilla") is None
    assert finding.health(home) == (True, None, os.getpid(), None, None, None)
    with pytest.raises(AnnotationError, match="no Argilla server"):
        finding.endpoint(home)


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"search_engine": null}', b'{"search_engine": "assay"}', b"{"])
def test_what_answers_at_its_address_may_be_another(home: Path, signed: Path, answer: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        said = {"url": url, "pid": os.getpid(), "host": "127.0.0.1", "port": server.server_port, "api_key": "k"}
        signed.write_text(json.dumps(said))
        assert finding.health(home) == (True, None, os.getpid(), None, None, None)
        server.shutdown()


def test_a_store_of_somebody_else_is_called_that(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else, and root may read everything")
    private_folder(home / "argilla")
    private_folder(home)
    os.seteuid(65534)
    try:
        for ask in (serve.stop, finding.endpoint, finding.target):
            with pytest.raises(AnnotationError, match=r"argilla: Permission denied: .*another user's.*ASSAY_HOME"):
                ask(home)
        assert not finding.health(home).running
    finally:
        os.seteuid(0)


def test_a_server_that_starts_while_one_is_stopped_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first does not hear; when it is gone at last, another has its place."""
    (home / "argilla").mkdir(parents=True)
    monkeypatch.setattr(process, "STOP_SECONDS", 0.2)
    monkeypatch.setattr(process, "_is_server", lambda *_: True)
    holders = iter([4, 4, 4, 4, 5, 5, 5, 5])
    monkeypatch.setattr(process, "holder", lambda _: next(holders, 5))
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(process, "_tell", lambda _, pid, number: told.append((pid, number)))
    assert serve.stop(home)
    assert told == [(4, signal.SIGTERM)]


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
        assert not finding.health(home).running
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
        finding.endpoint(home)
    monkeypatch.setenv("ARGILLA_API_KEY", "k")
    assert finding.endpoint(home) == ("https://argilla.example", "k")
    assert finding.health(home) == (False, None, None, None, None, None)
    assert not home.exists()


@pytest.mark.parametrize(
    ("people", "why"),
    [
        (["owner"], "the owner's account has this name"),
        ([""], "1 to 100 printable characters"),
        ([" ana"], "no space around it"),
        (["a\nb"], "printable"),
        (["a" * 101], "1 to 100|100 are allowed"),
    ],
)
def test_a_name_that_cannot_be_an_account_is_refused(people: list[str], why: str) -> None:
    with pytest.raises((AnnotationError, ValidationError), match=why):
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
    spoilt.write_text('[{"username": "owner"}]')
    with pytest.raises(AnnotationError, match=r"credentials\.json does not hold accounts; restore it"):
        serve.start(home, settings(crowd=[]), port=0, progress=print)


def test_a_store_that_cannot_be_written_is_named(home: Path) -> None:
    home.write_text("a file where the store's folder should be")
    with pytest.raises(AnnotationError, match=r"store/argilla: .*set ASSAY_HOME to a folder that can be written"):
        serve.start(home, settings(crowd=[]), port=0, progress=print)
    home.unlink()
