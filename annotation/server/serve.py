"""`assay annotate serve`: the real Argilla server and UI, started, found, asked and stopped.

One server a store: its data, accounts and log are in {home}/argilla (mode 700). It listens on the loopback
address unless told otherwise, has no account that others know, and keeps its data when it stops or is killed.
"""

import os
import signal
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import httpx

from annotation.server import accounts, environment, process
from annotation.server.accounts import Account
from annotation.server.embedded.locks import exclusive, holder
from annotation.server.embedded.private import private_folder
from schemas.errors import AnnotationError
from schemas.settings import AnnotationSettings

HOST, PORT = "127.0.0.1", 6900
MAX_PORT = 65535

Progress = Callable[[str], None]


class Running(NamedTuple):
    """A server that answers. `new_accounts` are to be shown once: those that this start made."""

    url: str
    pid: int
    port: int
    new_accounts: tuple[Account, ...]
    already: bool  # it ran before, and nothing was started


class Health(NamedTuple):
    """How the server of a store is. All but `running` is null when it does not run or does not answer."""

    running: bool
    url: str | None
    pid: int | None
    version: str | None  # of argilla-server
    engine: str | None  # the search engine's name
    datasets: int | None


class Endpoint(NamedTuple):
    url: str
    api_key: str


def folder_of(home: Path) -> Path:
    """Where the embedded server of this store keeps everything. Not made here."""
    return home / "argilla"


def start(
    home: Path, settings: AnnotationSettings, *, host: str = HOST, port: int = PORT, progress: Progress
) -> Running:
    """Start the store's server in the background and wait until it answers; the one that runs, if one does.

    `port` 0 takes a free one. Raises AnnotationError when the environment cannot be made, the port is taken, or
    the server ends during its start.
    """
    return _start(home, settings, host, port, progress)


def run_foreground(
    home: Path,
    settings: AnnotationSettings,
    *,
    host: str = HOST,
    port: int = PORT,
    progress: Progress,
    started: Callable[[Running], None],
) -> int:
    """As `start`, then stay until SIGINT or SIGTERM, or the server's end, for containers and systemd.

    `started` is called when it answers. Returns 0 when told to stop, 1 when the server ended by itself. Raises
    AnnotationError also when the store's server runs already.
    """
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        running = _start(home, settings, host, port, progress)
        if running.already:
            raise AnnotationError(f"nothing to stay with: the server of {home} was started elsewhere; stop it first")
        return _stay(folder_of(home), running, progress, started)
    except KeyboardInterrupt:
        return 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(home: Path) -> bool:
    """End the store's server and wait for it (killed after 15 s); false when none runs."""
    folder = folder_of(home)
    return process.stop(folder) if folder.is_dir() else False


def health(home: Path) -> Health:
    """How the store's server is. Raises nothing: what cannot be asked is null."""
    found = process.address(folder_of(home))
    said = process.status(found.url) if found else None
    if found is None or said is None:
        return Health(holder(folder_of(home) / "server.lock") is not None, None, None, None, None, None)
    return Health(True, found.url, found.pid, said.get("version"), said["search_engine"].get("name"), _datasets(found))


def endpoint(home: Path) -> Endpoint:
    """Where the Argilla to work with is, and the key: ARGILLA_API_URL and ARGILLA_API_KEY, else the store's server.

    Raises AnnotationError when there is neither, or one variable without the other.
    """
    url, key = os.environ.get("ARGILLA_API_URL"), os.environ.get("ARGILLA_API_KEY")
    if url and key:
        return Endpoint(url.rstrip("/"), key)
    if url or key:
        missing = "ARGILLA_API_KEY" if url else "ARGILLA_API_URL"
        raise AnnotationError(f"{missing} is not set; set both variables, or neither for the embedded server")
    if found := process.address(folder_of(home)):
        return Endpoint(found.url, found.api_key)
    raise AnnotationError("no Argilla server: run `assay annotate serve`, or set ARGILLA_API_URL and ARGILLA_API_KEY")


def _start(home: Path, settings: AnnotationSettings, host: str, port: int, progress: Progress) -> Running:
    order = accounts.order(settings)
    if not 0 <= port <= MAX_PORT:
        raise AnnotationError(f"port {port}: a port is 0 to {MAX_PORT}, and 0 takes a free one; correct --port")
    try:
        folder = private_folder(folder_of(home))
        with exclusive(folder / "start.lock"):
            if found := process.running(folder):
                progress(f"the Argilla server of {home} runs already at {found.url}")
                _name_unmade(folder, order, progress)
                return Running(found.url, found.pid, found.port, (), True)
            return _start_in(folder, order, host, port, progress)
    except OSError as error:
        raise AnnotationError(
            f"{folder_of(home)}: {error.strerror or error}; name a folder that can be written"
        ) from error


def _start_in(folder: Path, order: dict[str, Any], host: str, port: int, progress: Progress) -> Running:
    python = environment.python(progress)
    _warn(host, progress)
    known = {one.username for one in accounts.credentials(folder)}
    pid = process.spawn(folder, host, port, order, python)
    found = process.wait(folder, pid, host, port)
    made = tuple(one for one in accounts.credentials(folder) if one.username not in known)
    return Running(found.url, found.pid, found.port, made, False)


def _name_unmade(folder: Path, order: dict[str, Any], progress: Progress) -> None:
    made = {one.username: set(one.workspaces) for one in accounts.credentials(folder)}
    wanted = {one["username"]: set(one["workspaces"]) for one in order["accounts"]}
    if unmade := [name for name, its in wanted.items() if name not in made or its - made[name]]:
        progress(f"the settings have gained {', '.join(unmade)}: stop the server and start it again")


def _warn(host: str, progress: Progress) -> None:
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        progress(
            f"warning: at {host} other machines reach the server, and passwords travel in clear text; "
            "put a proxy with TLS in front of it"
        )


def _stay(folder: Path, running: Running, progress: Progress, started: Callable[[Running], None]) -> int:
    try:
        started(running)
        process.follow(folder, progress)
        return 1
    finally:
        process.end(folder, running.pid)


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _datasets(found: process.Address) -> int | None:
    try:
        answer = httpx.get(
            f"{found.url}/api/v1/me/datasets",
            headers={"X-Argilla-Api-Key": found.api_key},
            timeout=process.ASK_SECONDS,
            trust_env=False,
        )
        return len(answer.raise_for_status().json()["items"])
    except (httpx.HTTPError, ValueError, KeyError):
        return None
