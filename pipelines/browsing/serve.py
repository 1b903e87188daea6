"""From a release to an address: held, guarded, listened to on loopback until stopped."""

import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import typer
import uvicorn

from pipelines import _by_hand as hand
from pipelines._shown import plural
from pipelines.browsing.app import app_of
from pipelines.browsing.guard import Keys
from pipelines.browsing.held import hold
from schemas.errors import UsageError

PORT = 8321


def serve(
    release: Path,
    *,
    host: str,
    port: int | None,
    by: str | None,
    config: Path,
    open_it: bool | None,
    say: Callable[[str], None],
) -> None:
    """Serve the page until Ctrl-C or SIGTERM. `open_it` null shows it where somebody sits at a terminal.

    `config` is where a threshold that the page calibrates is written.

    Raises UsageError for a host that is no loopback address and a port that is taken, ReleaseError for what is no
    release; one whose files were altered is shown, and says so.
    """
    who = hand.name_of(by)
    listening = _listening(_loopback(host), port)
    with listening:
        held = hold(release)
        keys = Keys.made()
        bound = listening.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        address = f"http://{name}:{bound}/?key={keys.entry}"
        app = app_of(held, by=who, config=config, port=bound, keys=keys)
        if held.altered:
            say(f"{'altered':<12}{held.altered}")
        say(f"{'release':<12}{release}: {plural(held.rows.height, 'row')}, decisions are by {who}")
        say(f"{'browse':<12}{address}")
        say(f"{'stop':<12}Ctrl-C")
        if _wanted(open_it):
            typer.launch(address)
        serving = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off")
        with suppress(KeyboardInterrupt):
            uvicorn.Server(serving).run([listening])


def _loopback(host: str) -> str:
    """The address. Raises UsageError for any that other machines could reach."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or str(address) not in ("127.0.0.1", "::1"):
        raise UsageError(
            f"--host {host[:60]}: records are shown on this machine only; use 127.0.0.1, and from another machine "
            "a tunnel: ssh -L 8321:127.0.0.1:8321 HOST"
        )
    return str(address)


def _listening(host: str, port: int | None) -> socket.socket:
    """An open socket. Without a port ours, or a free one where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (PORT, 0) if port is None else (port,):
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, wanted))
            listening.listen()
            return listening
        except OSError as error:
            listening.close()
            refused = error
    raise UsageError(f"--port {port}: cannot be listened on ({refused.strerror}); leave it out to take a free one")


def _wanted(open_it: bool | None) -> bool:
    import sys

    return sys.stdout.isatty() if open_it is None else open_it
