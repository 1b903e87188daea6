"""A Prefect server of our own while somebody serves: started where none is set or runs, stopped at the end."""

import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pipelines._prefect_server import PORT, server_url
from schemas.errors import UsageError

HOST = "127.0.0.1"
# A cold start was seen to take 20 s while the machine was busy.
STARTING_SECONDS = 180.0
# It closes its database within this; whoever does not is ended.
_STOPPING_SECONDS = 15.0


class Place(NamedTuple):
    """Where the server is, or is to be."""

    url: str  # of its API
    own: tuple[str, int] | None  # host and port, where we are to start it

    @property
    def ui(self) -> str:
        return self.url.removesuffix("/api")


def place_of(host: str | None, port: int | None) -> Place:
    """The server that is set or runs here, or else where one of our own can run.

    Raises UsageError where a server is set that does not answer, where `host` or `port` ask for another than the one
    that is there, and where the port is taken.
    """
    found = server_url()
    if found is not None:
        if not answers(found):
            raise UsageError(
                f"{found}: no Prefect server answers there; start it, or unset PREFECT_API_URL to have one started"
            )
        if host is not None or port is not None:
            raise UsageError(
                f"{found}: a Prefect server is set or runs already; leave out --host and --port to use it, or stop it"
            )
        return Place(found, None)
    where = host or HOST, PORT if port is None else port
    where = where[0], _free(*where)
    # Whoever listens on all addresses is asked on this machine's own.
    asked = {"0.0.0.0": HOST, "::": "[::1]"}.get(where[0], f"[{where[0]}]" if ":" in where[0] else where[0])
    return Place(f"http://{asked}:{where[1]}/api", where)


def _free(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises UsageError where it is taken, or the host is none of this machine."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
            taken: int = tried.getsockname()[1]
            return taken
    except OSError as error:
        said = error.strerror or str(error)
        raise UsageError(
            f"{host}:{port}: a Prefect server cannot listen there ({said}); choose another --host or --port"
        ) from error


def answers(url: str, seconds: float = 2.0) -> bool:
    """Whether the server of this API says that it is well."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    except ValueError:
        return False
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/health")
        # One that asks for a password is well too; the client has it.
        return connection.getresponse().status in {200, 401, 403}
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class Server:
    """The process of a server at `place`, which must be our own. Its log is kept."""

    def __init__(self, place: Place, log: Path) -> None:
        assert place.own is not None
        self._place, self._own, self._log = place, place.own, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it answers. Raises UsageError where it does not."""
        host, port = self._own
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
        # In a session of its own: Ctrl-C ends the runs first, then us, then the server.
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + STARTING_SECONDS
        while time.monotonic() < deadline and self.runs:
            if answers(self._place.url):
                return
            time.sleep(0.2)
        self.stop()
        raise UsageError(f"no Prefect server started at {host}:{port}; {self._log} says why")

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it, and what it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                break
            try:
                process.wait(_STOPPING_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        process.wait()
