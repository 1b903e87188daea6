"""Two hosts on a network that is made for it: each with an address of its own and a worker of Dask, on one disk

Hosts are network namespaces of Linux on a bridge, which only root may make; without that right they are two loopback
addresses, and `kind` says so. Memory and processors are shared, so what is measured is the way and not the speed.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.desk import ROOT

NAMESPACES, LOOPBACK = "network namespaces", "loopback addresses"
# A network that documents use and nobody has (RFC 2544).
_NET = "198.18.77"


class Hosts(NamedTuple):
    """`scheduler` is its address; `workers` are the processes; `kind` is NAMESPACES or LOOPBACK."""

    scheduler: str
    workers: tuple[int, ...]
    addresses: tuple[str, ...]
    kind: str

    def peak(self) -> int:
        """The most memory that one worker has held, in bytes."""
        return max(_peak(pid) for pid in self.workers)


@contextmanager
def hosts(folder: Path, count: int = 2, env: Mapping[str, str] | None = None) -> Iterator[Hosts]:
    """A scheduler here and `count` hosts with a worker each, until the context ends."""
    with ExitStack() as stack:
        named = stack.enter_context(_namespaces(count))
        own = f"{_NET}.1" if named else "127.0.0.1"
        addresses = tuple(f"{_NET}.{number + 2}" if named else f"127.0.0.{number + 2}" for number in range(count))
        told = folder / "scheduler.json"
        told.unlink(missing_ok=True)
        options = ["--host", own, "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]
        stack.enter_context(_running(_dask("scheduler", *options), env))
        scheduler = _told(told)
        workers = []
        for number, address in enumerate(addresses):
            inside = ["ip", "netns", "exec", named[number]] if named else []
            worker = _dask("worker", scheduler, "--host", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
            started = stack.enter_context(_running([*inside, *worker, "--local-directory", str(folder)], env))
            workers.append(started.pid)
        yield Hosts(scheduler, tuple(workers), addresses, NAMESPACES if named else LOOPBACK)


def _dask(what: str, *options: str) -> list[str]:
    return [sys.executable, "-m", f"distributed.cli.dask_{what}", *options]


@contextmanager
def _running(argv: list[str], env: Mapping[str, str] | None) -> Iterator[subprocess.Popen[bytes]]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(argv, env=variables, cwd=ROOT, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _told(path: Path) -> str:
    """The address that the scheduler wrote down."""
    for _ in range(600):
        with suppress(OSError, ValueError):
            return str(json.loads(path.read_text(encoding="utf-8"))["address"])
        time.sleep(0.1)
    raise TimeoutError(f"{path}: no scheduler has written its address there")


@contextmanager
def _namespaces(count: int) -> Iterator[list[str]]:
    """Names of `count` namespaces on one bridge; none where this process may not make them."""
    bridge = f"assay{os.getpid() % 100_000}"
    names = [f"{bridge}-{number}" for number in range(count)]
    try:
        try:
            _ip("link", "add", bridge, "type", "bridge")
            _ip("address", "add", f"{_NET}.1/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
            for number, name in enumerate(names):
                _host(bridge, name, number)
            made = names
        except (OSError, subprocess.CalledProcessError):
            made = []
        yield made
    finally:
        for name in names:
            _ip("netns", "delete", name, check=False)
        _ip("link", "delete", bridge, check=False)


def _host(bridge: str, name: str, number: int) -> None:
    outer, inner = f"av{os.getpid() % 100_000}-{number}", f"aw{os.getpid() % 100_000}-{number}"
    _ip("netns", "add", name)
    _ip("link", "add", outer, "type", "veth", "peer", "name", inner)
    _ip("link", "set", outer, "master", bridge, "up")
    _ip("link", "set", inner, "netns", name)
    for words in (["address", "add", f"{_NET}.{number + 2}/24", "dev", inner], ["link", "set", inner, "up"]):
        _ip("-n", name, *words)
    _ip("-n", name, "link", "set", "lo", "up")


def _ip(*words: str, check: bool = True) -> None:
    with suppress(*(() if check else (OSError,))):
        subprocess.run(["ip", *words], check=check, capture_output=True)


def _peak(pid: int) -> int:
    """The kernel's own account; 0 where it has none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
