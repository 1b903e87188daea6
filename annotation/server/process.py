"""The server's process: started apart from the caller, found again, asked how it is, stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson

from annotation.server import environment, server_log
from annotation.server.embedded.locks import holder
from annotation.server.embedded.private import read_json
from schemas.errors import AnnotationError

ENTRY = Path(__file__).parent / "embedded" / "__main__.py"
# Cold, on two busy cores, with a new database: under 30 s.
START_SECONDS = 180.0
# Open requests get 5 s to finish (uvicorn), and the database its checkpoint.
STOP_SECONDS = 15.0
ASK_SECONDS = 10.0
POLL_SECONDS = 0.1


class _Child(NamedTuple):
    """A server that this process started, and how long its log was before."""

    process: "subprocess.Popen[bytes]"
    logged: int  # bytes


# So that they are reaped when they end before their starter does.
_CHILDREN: dict[int, _Child] = {}


class Address(NamedTuple):
    """What server.json says. `api_key` is the owner's."""

    url: str
    pid: int
    host: str
    port: int
    api_key: str


def address(folder: Path) -> Address | None:
    """Of the running server of this folder; null when none runs, or none answers yet, or any more."""
    pid = holder(folder / "server.lock")
    said = read_json(folder / "server.json")
    if pid is None or not isinstance(said, dict) or said.get("pid") != pid:
        return None
    kinds = Address.__annotations__
    if any(not isinstance(said.get(name), kinds[name]) for name in Address._fields):
        return None
    return Address(**{name: said[name] for name in Address._fields})


def spawn(folder: Path, host: str, port: int, order: dict[str, Any], python: Path) -> int:
    """Start the server's process; its number. What it says goes to {folder}/server.log."""
    command = [str(python), "-I", str(ENTRY), "--folder", str(folder.resolve()), "--host", host, "--port", str(port)]
    log, logged = server_log.opened(folder)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environment.clean_environ(),
            start_new_session=True,  # Ctrl-C in the caller's terminal is the caller's
        )
    finally:
        os.close(log)
    _CHILDREN[child.pid] = _Child(child, logged)
    assert child.stdin is not None
    try:
        with suppress(BrokenPipeError), child.stdin as stdin:  # it ended at once; `wait` says why
            stdin.write(orjson.dumps(order))
    except BaseException:
        end(folder, child.pid)
        raise
    return child.pid


def wait(folder: Path, pid: int, host: str, port: int) -> Address:
    """Until the server of that process answers as ours; it does not outlive a wait that fails.

    Raises AnnotationError when it ends or takes too long.
    """
    try:
        return _answering(folder, pid, host, port)
    except BaseException:
        end(folder, pid)
        raise


def _answering(folder: Path, pid: int, host: str, port: int) -> Address:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if (code := _CHILDREN[pid].process.poll()) is not None:
            raise AnnotationError(server_log.why(folder, code, _CHILDREN[pid].logged, host, port))
        if (found := address(folder)) and found.pid == pid and status(found.url):
            return found
        time.sleep(POLL_SECONDS)
    raise AnnotationError(f"no answer from the Argilla server in {START_SECONDS:.0f} s; see {folder / 'server.log'}")


def running(folder: Path) -> Address | None:
    """As `address`, of one that answers: one that starts, or stops, is waited for."""
    deadline = time.monotonic() + START_SECONDS
    while holder(folder / "server.lock") is not None and time.monotonic() < deadline:
        if (found := address(folder)) and status(found.url):
            return found
        time.sleep(POLL_SECONDS)
    return None


def follow(folder: Path, say: Callable[[str], None]) -> None:
    """Pass on what the server logs from here on, until it ends."""
    with (folder / "server.log").open(encoding="utf-8", errors="replace") as log:
        log.seek(0, os.SEEK_END)
        while holder(folder / "server.lock") is not None:
            for line in log:
                say(line.rstrip("\n"))
            time.sleep(POLL_SECONDS)


def status(url: str) -> dict[str, Any] | None:
    """What the server at `url` says of itself without a key; null when it does not answer as Argilla."""
    try:
        answer = httpx.get(f"{url}/api/v1/status", timeout=ASK_SECONDS, trust_env=False)
        said = answer.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return said if isinstance(said, dict) and isinstance(said.get("search_engine"), dict) else None


def stop(folder: Path) -> bool:
    """End the server of this folder, in order if it can be, and wait for it; false when none runs.

    One that is started meanwhile is left alone. Raises AnnotationError when it cannot be ended from here.
    """
    lock = folder / "server.lock"
    pid = _signed(lock)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if pid is not None and holder(lock) == pid:
            _tell(folder, pid, number)
            _wait_for_end(lock, pid)
    if pid is not None and holder(lock) == pid:
        raise AnnotationError(f"the Argilla server of {folder} does not end; look at process {pid}")
    _forget(folder)
    if child := _CHILDREN.pop(pid or 0, None):
        child.process.wait(timeout=STOP_SECONDS)
    return pid is not None


def ended(pid: int) -> int | None:
    """The exit code of a server that this process started, whose end is near; null when it does not end."""
    with suppress(subprocess.TimeoutExpired):
        return _CHILDREN[pid].process.wait(timeout=STOP_SECONDS)
    return None


def end(folder: Path, pid: int) -> None:
    """End a server that this process started, whatever state it is in."""
    child = _CHILDREN.pop(pid).process
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(timeout=STOP_SECONDS)
    _forget(folder)


def _forget(folder: Path) -> None:
    if holder(folder / "server.lock") is None:
        (folder / "server.json").unlink(missing_ok=True)


def _signed(lock: Path) -> int | None:
    deadline = time.monotonic() + 1
    while not (pid := holder(lock)) and pid is not None and time.monotonic() < deadline:
        time.sleep(0.01)  # locked, and not signed yet
    return pid


def _tell(folder: Path, pid: int, number: signal.Signals) -> None:
    # Whom to tell is known by the lock that he holds, so it is never a stranger who got his number: the
    # descriptor is of one process for good, and this one held the lock after it was opened.
    if not pid:
        return
    if sys.platform != "linux":
        os.kill(pid, number)
        return
    with suppress(ProcessLookupError, FileNotFoundError):
        process = os.pidfd_open(pid)
        try:
            if holder(folder / "server.lock") == pid and _is_server(pid, folder):
                signal.pidfd_send_signal(process, number)
        finally:
            os.close(process)


def _is_server(pid: int, folder: Path) -> bool:
    # Another machine or container may hold the lock of a shared folder; its numbers mean others here.
    said = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if os.fsencode(folder.resolve()) in said:
        return True
    raise AnnotationError(f"the Argilla server of {folder} was started on another machine or container; stop it there")


def _wait_for_end(lock: Path, pid: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while holder(lock) == pid and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS / 2)
