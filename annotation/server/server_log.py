"""What the server's process says: opened for a start, and read back where the start fails."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from annotation.server.embedded.bootstrap import HOST_UNUSABLE, LOCKED, PORT_TAKEN, REDIS_UNUSABLE
from annotation.server.embedded.private import append_private

# A log longer than this at a start is set aside; one old one is kept.
MAX_BYTES = 10 * 2**20
# What of its end is looked at for a reason.
TAIL_BYTES = 4000


def opened(folder: Path) -> tuple[int, int]:
    """A descriptor that appends to {folder}/server.log, and how many bytes are in it already."""
    path = folder / "server.log"
    with suppress(FileNotFoundError):
        if path.stat().st_size > MAX_BYTES:
            path.replace(folder / "server.log.1")
    handle = append_private(path)
    return handle, os.fstat(handle).st_size


def why(folder: Path, code: int, since: int, host: str, port: int) -> str:
    """Why a start ended with this exit code, in a line with the remedy; `since` is where its log begins."""
    said = _last_line(folder, since)
    if code == PORT_TAKEN:
        return f"port {port} on {host} cannot be used ({said}); choose another with --port"
    if code == HOST_UNUSABLE:
        return f"{host[:100]}: no address to listen on ({said}); give one of this machine's with --host"
    if code == LOCKED:
        return f"another Argilla server uses {folder}; stop it first (assay annotate serve --stop)"
    if code == REDIS_UNUSABLE:
        return f"the Redis that ARGILLA_REDIS_URL names cannot be used ({said}); start it, or correct or unset that"
    return f"the Argilla server ended during its start: {_ending(code, said)} (all of it in {folder / 'server.log'})"


def _ending(code: int, said: str) -> str:
    if code == 0:
        return "it was told to stop; start it again"
    if code > 0:
        return said
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = ", as the system does when memory is short" if -code == signal.SIGKILL else ""
    return f"something ended it with {name}{hint}; it last said: {said}"


def _last_line(folder: Path, since: int) -> str:
    with (folder / "server.log").open("rb") as log:
        log.seek(max(since, os.fstat(log.fileno()).st_size - TAIL_BYTES))
        lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing"
