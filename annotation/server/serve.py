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

from annotation.server import accounts, environment, process
from annotation.server.accounts import Account
from annotation.server.embedded.locks import exclusive
from annotation.server.embedded.private import private_folder
from annotation.server.finding import folder_of, ours
from schemas.errors import AnnotationError
from schemas.settings import AnnotationSettings

HOST, PORT = "127.0.0.1", 6900
MAX_PORT = 65535

Progress = Callable[[str], None]


class Running(NamedTuple):
    """A server that answers. `new_accounts` are to be shown: those that were not shown before."""

    url: str
    pid: int
    port: int
    new_accounts: tuple[Account, ...]
    already: bool  # it ran before, and nothing was started


Started = Callable[[Running], None]


def start(
    home: Path,
    settings: AnnotationSettings,
    *,
    host: str | None = None,
    port: int | None = None,
    progress: Progress,
    started: Started | None = None,
) -> Running:
    """Start the store's server in the background and wait until it answers; the one that runs, if one does.

    It listens on HOST and PORT where nothing else is said; `port` 0 takes a free one. `started` shows the new accounts,
    which are shown again next time unless it returns; without it the caller does. Raises AnnotationError when the
    environment cannot be made, the port is taken, the server ends during its start, or runs elsewhere than said.
    """
    return _start(home, settings, host, port, progress, started or (lambda _: None))


def run_foreground(
    home: Path,
    settings: AnnotationSettings,
    *,
    host: str | None = None,
    port: int | None = None,
    progress: Progress,
    started: Started,
) -> int:
    """As `start`, then stay until SIGINT, SIGTERM or SIGHUP, or the server's end, for containers and systemd.

    `started` is called when it answers. Returns 0 when it or the server is told to stop, 1 when the server ended
    otherwise. Raises AnnotationError also when the store's server runs already.
    """

    def stayed_with(running: Running) -> None:
        if running.already:
            raise AnnotationError(f"nothing to stay with: the server of {home} was started elsewhere; stop it first")
        try:
            started(running)
        except BaseException:
            process.end(folder_of(home), running.pid)
            raise

    before = {number: signal.signal(number, _interrupt) for number in _ending_signals()}
    try:
        return _stay(folder_of(home), _start(home, settings, host, port, progress, stayed_with), progress)
    except KeyboardInterrupt:
        return 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(home: Path) -> bool:
    """End the store's server and wait for it (killed after 15 s); false when none runs.

    Raises AnnotationError when it cannot be ended from here.
    """
    folder = folder_of(home)
    with ours(folder):
        return process.stop(folder) if folder.is_dir() else False


def _start(
    home: Path, settings: AnnotationSettings, host: str | None, port: int | None, progress: Progress, tell: Started
) -> Running:
    order = accounts.order(settings)
    if port is not None and not 0 <= port <= MAX_PORT:
        raise AnnotationError(f"port {port}: a port is 0 to {MAX_PORT}, and 0 takes a free one; correct --port")
    try:
        folder = private_folder(folder_of(home))
        with exclusive(folder / "start.lock"):
            if found := process.running(folder):
                running = _found(home, found, host, port, progress)
                _name_unmade(folder, order, progress)
            else:
                running = _start_in(folder, order, host or HOST, PORT if port is None else port, progress)
            tell(running)
            accounts.mark_told(folder, running.new_accounts)
    except BrokenPipeError:  # of who reads what is told
        raise
    except OSError as error:
        raise AnnotationError(
            f"{folder_of(home)}: {error.strerror or error}; set ASSAY_HOME to a folder that can be written"
        ) from error
    _name_another(progress)
    return running


def _found(home: Path, found: process.Address, host: str | None, port: int | None, progress: Progress) -> Running:
    if port not in (None, 0, found.port) or (host and _numeric(host) != _numeric(found.host)):
        raise AnnotationError(
            f"the Argilla server of {home} runs already, at {found.url} (--host {found.host}); to have it elsewhere, "
            "stop it first (assay annotate serve --stop)"
        )
    progress(f"the Argilla server of {home} runs already at {found.url}")
    return Running(found.url, found.pid, found.port, accounts.untold(folder_of(home)), True)


def _numeric(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def _start_in(folder: Path, order: dict[str, Any], host: str, port: int, progress: Progress) -> Running:
    python = environment.python(progress)
    _warn(host, progress)
    accounts.credentials(folder)  # read before they are added to: it raises
    pid = process.spawn(folder, host, port, order, python)
    found = process.wait(folder, pid, host, port)
    return Running(found.url, found.pid, found.port, accounts.untold(folder), False)


def _name_another(progress: Progress) -> None:
    if os.environ.get("ARGILLA_API_URL"):
        progress(
            "warning: ARGILLA_API_URL is set, so push and pull use the server that it names, not this one; "
            "unset it and ARGILLA_API_KEY to use this one"
        )


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


def _stay(folder: Path, running: Running, progress: Progress) -> int:
    try:
        process.follow(folder, progress)
        return 0 if process.ended(running.pid) == 0 else 1
    finally:
        process.end(folder, running.pid)


def _ending_signals() -> list[signal.Signals]:
    # Whoever started us under nohup has us ignore it, and means it.
    hangs_up = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hangs_up else [])]


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
