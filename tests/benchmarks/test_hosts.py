"""Work goes over a real network between hosts that have addresses of their own."""

import socket
from pathlib import Path

import pytest

from benchmarks.hosts import NAMESPACES, hosts
from pipelines._runner import opened
from schemas.project import RunnerSettings


def addresses(scheduler: str) -> str:
    """By which of its addresses this process speaks to the scheduler."""
    host, port = scheduler.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port))) as spoken:
        return str(spoken.getsockname()[0])


def test_two_hosts_share_the_work_over_their_network(tmp_path: Path) -> None:
    with hosts(tmp_path) as two:
        dask = RunnerSettings(kind="dask", address=two.scheduler)
        if two.kind != NAMESPACES:
            pytest.skip("a network of its own is not here: that needs root")
        with opened(dask) as runner:
            runner.check(tmp_path)
            seen = set(runner.map(addresses, [two.scheduler] * 200))
        assert seen <= set(two.addresses)
        assert seen
        assert two.peak() > 2**20
