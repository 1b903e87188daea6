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

from annotation.server import environment
from annotation.server.embedded.bootstrap import LOCKED, PORT_TAKEN
from annotation.server.embedded.locks import holder
from annotation.server.embedded.private import append_private, read_json
from schemas.errors import AnnotationError

ENTRY = Path(__file__).parent / "embedded" / "__main__.py"
# Cold, on two busy cores, with a new database: under 30 s.
START_SECONDS = 180.0
# Open requests get 5 s to finish (uvicorn), and the database its checkpoint.
STOP_SECONDS = 15.0
ASK_SECONDS = 10.0
# A log longer than this at a start is set aside; one old one is kept.
MAX_LOG_BYTES = 10 * 2**20
POLL_SECONDS = 0.1

# Of the processes started here, so that they are reaped when they end before their starter does.
_CHILDREN: dict[int, "subprocess.Popen[bytes]"] = {}


class Address(NamedTuple):
    """What server.json says. `api_key` is the owner's."""

    url: str
    pid: int
    port: int
    api_key: str


def address(folder: Path) -> Address | None:
    """Of the running server of this folder; null when none runs, or none answers yet."""
    pid = holder(folder / "server.lock")
    said = read_json(folder / "server.json")
    if pid is None or not isinstance(said, dict) or said.get("pid") != pid:
        return None
    return Address(said["url"], pid, said["port"], said["api_key"])


def spawn(folder: Path, host: str, port: int, order: dict[str, Any], python: Path) -> int:
    """Start the server's process; its number. What it says goes to {folder}/server.log."""
    command = [str(python), "-I", str(ENTRY), "--folder", str(folder.resolve()), "--host", host, "--port", str(port)]
    log = _log(folder)
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
    _CHILDREN[child.pid] = child
    assert child.stdin is not None
    with suppress(BrokenPipeError), child.stdin as stdin:  # it ended at once; `wait` says why
        stdin.write(orjson.dumps(order))
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
        if (code := _CHILDREN[pid].poll()) is not None:
            raise AnnotationError(_why(folder, code, host, port))
        if (found := address(folder)) and found.pid == pid and status(found.url):
            return found
        time.sleep(POLL_SECONDS)
    raise AnnotationError(f"no answer from the Argilla server in {START_SECONDS:.0f} s; see {folder / 'server.log'}")


def running(folder: Path) -> Address | None:
    """As `address`, but a server that is being started by somebody else is waited for."""
    deadline = time.monotonic() + START_SECONDS
    while holder(folder / "server.lock") is not None and time.monotonic() < deadline:
        if found := address(folder):
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
    return said if isinstance(said, dict) and "search_engine" in said else None


def stop(folder: Path) -> bool:
    """End the server of this folder, in order if it can be, and wait for it; false when none runs.

    Raises AnnotationError when it cannot be ended from here.
    """
    lock = folder / "server.lock"
    stopped = (pid := holder(lock)) is not None
    for number in (signal.SIGTERM, signal.SIGKILL):
        if holder(lock) is not None:
            _tell(folder, number)
            _wait_for_end(lock)
    if holder(lock) is not None:
        raise AnnotationError(f"the Argilla server of {folder} does not end; look at process {holder(lock)}")
    (folder / "server.json").unlink(missing_ok=True)
    if child := _CHILDREN.pop(pid or 0, None):
        child.wait(timeout=STOP_SECONDS)
    return stopped


def end(folder: Path, pid: int) -> None:
    """End a server that this process started, whatever state it is in."""
    child = _CHILDREN.pop(pid)
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(timeout=STOP_SECONDS)
    if holder(folder / "server.lock") is None:
        (folder / "server.json").unlink(missing_ok=True)


def _tell(folder: Path, number: signal.Signals) -> None:
    # Whom to tell is known by the lock that he holds, so it is never a stranger who got his number: the
    # descriptor is of one process for good, and this one held the lock after it was opened.
    lock = folder / "server.lock"
    deadline = time.monotonic() + 1
    while not (pid := holder(lock)) and pid is not None and time.monotonic() < deadline:
        time.sleep(0.01)  # locked, and not signed yet
    if not pid:
        return
    if sys.platform != "linux":
        os.kill(pid, number)
        return
    with suppress(ProcessLookupError, FileNotFoundError):
        process = os.pidfd_open(pid)
        try:
            if holder(lock) == pid and _is_server(pid, folder):
                signal.pidfd_send_signal(process, number)
        finally:
            os.close(process)


def _is_server(pid: int, folder: Path) -> bool:
    # Another machine or container may hold the lock of a shared folder; its numbers mean others here.
    said = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if os.fsencode(folder.resolve()) in said:
        return True
    raise AnnotationError(f"the Argilla server of {folder} was started on another machine or container; stop it there")


def _wait_for_end(lock: Path) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while holder(lock) is not None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS / 2)


def _log(folder: Path) -> int:
    path = folder / "server.log"
    with suppress(FileNotFoundError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(folder / "server.log.1")
    return append_private(path)


def _why(folder: Path, code: int, host: str, port: int) -> str:
    if code == PORT_TAKEN:
        return f"port {port} on {host} cannot be used ({_last_line(folder)}); choose another with --port"
    if code == LOCKED:
        return f"another Argilla server uses {folder}; stop it first (assay annotate serve --stop)"
    return f"the Argilla server ended during its start: {_last_line(folder)} (all of it in {folder / 'server.log'})"


def _last_line(folder: Path) -> str:
    said = (folder / "server.log").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip()[:300] for line in reversed(said) if line.strip()), "it said nothing")
