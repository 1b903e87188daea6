"""From an order on standard input to a server that answers.

In this order: the home is locked, the port taken, the environment set, the database made and migrated, the
accounts made, the application built; server.json appears when the port answers and goes when the server is told to
stop.
"""

import argparse
import errno
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import sys
import warnings
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from . import locks
from .private import private_folder, write_private, write_private_json

# Exit codes that the launcher knows.
HOST_UNUSABLE, REDIS_UNUSABLE, LOCKED, PORT_TAKEN = 68, 69, 75, 98
# What open requests get to finish when the server is told to stop.
GRACE_SECONDS = 5


def main(argv: list[str]) -> int:
    """Serve until told to stop."""
    os.umask(0o077)
    said = _arguments(argv)
    folder = private_folder(said.folder)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    order = json.load(sys.stdin)
    if (lock := locks.take(folder / "server.lock")) is None:
        print(f"another server has {folder}", flush=True)
        return LOCKED
    listening = _listen(said.host, said.port)
    if isinstance(listening, int):
        return listening
    try:
        return _serve(said, listening, order)
    finally:
        (folder / "server.json").unlink(missing_ok=True)
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        os.close(lock)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    return parser.parse_args(argv)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(0)


def _listen(host: str, port: int) -> socket.socket | int:
    """A socket that listens there, or the exit code that says why there is none."""
    try:
        listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, UnicodeError) as error:
        print(f"{host}:{port}: {getattr(error, 'strerror', None) or error}", flush=True)
        number = getattr(error, "errno", None)
        return PORT_TAKEN if number in (errno.EADDRINUSE, errno.EACCES) else HOST_UNUSABLE
    return listening


def _environment(folder: Path) -> None:
    """Upstream's settings, all of them; what the caller's environment says of them is dropped, but for Redis."""
    redis = os.environ.get("ARGILLA_REDIS_URL")
    for name in [name for name in os.environ if name.startswith("ARGILLA_")]:
        del os.environ[name]
    if redis:
        os.environ["ARGILLA_REDIS_URL"] = redis
    os.environ.pop("USERNAME", None)  # upstream makes whoever is called so an owner
    temporary = folder / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)  # each import leaves a copy of the UI there
    os.environ.update(
        TMPDIR=str(private_folder(temporary)),
        ARGILLA_HOME_PATH=str(folder),
        ARGILLA_SEARCH_ENGINE="assay",
        # Eight people at once on a busy machine waited longer than Argilla's 5 seconds, and lost what they submitted.
        ARGILLA_DATABASE_SQLITE_TIMEOUT="60",
        ARGILLA_AUTH_SECRET_KEY=_secret_key(folder / "secret.key"),
        ARGILLA_CORS_ORIGINS="[]",
        HF_HUB_DISABLE_TELEMETRY="1",
        DO_NOT_TRACK="1",
    )


def _secret_key(path: Path) -> str:
    # Upstream makes a new one at each start, and every login ends with it.
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text(encoding="utf-8").strip()


def _serve(said: argparse.Namespace, listening: socket.socket, order: dict[str, Any]) -> int:
    folder: Path = said.folder
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")  # of upstream's use of newer libraries
    _environment(folder)
    from . import app, database, jobs

    if why := jobs.unusable():
        print(why, flush=True)
        return REDIS_UNUSABLE
    app.prepare()
    database.prepare(folder / "argilla.db")
    wanted = [database.Wanted(**one) for one in order["accounts"]]
    database.ensure_accounts(wanted, order["workspaces"], folder)
    content = {
        "url": _url(*listening.getsockname()[:2]),
        "pid": os.getpid(),
        "host": said.host,
        "port": listening.getsockname()[1],
        "api_key": database.owner_key(order["owner"]),
    }
    return _run(app.build(), listening, content, folder)


def _url(host: str, port: int) -> str:
    """Where this machine reaches the server, whatever else it listens on."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _run(application: Any, listening: socket.socket, content: dict[str, Any], folder: Path) -> int:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started and not self.should_exit:
                write_private_json(folder / "server.json", content)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # Open requests have some seconds yet, in which nobody must take it for one that runs.
            (folder / "server.json").unlink(missing_ok=True)
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        application,
        access_log=False,
        log_config=None,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
        # A client could else say that it is another one.
        proxy_headers="FORWARDED_ALLOW_IPS" in os.environ,
    )
    server = Server(config)
    try:
        server.run(sockets=[listening])
    finally:
        with suppress(sqlite3.Error), closing(sqlite3.connect(folder / "argilla.db", timeout=1)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return 0 if server.started else 1
