"""Where the work on the shards of a run is done: here, on Dask's workers, or on Ray's.

A stage says what is done to which shard: a function of a module, and for each shard one small argument of paths and
plain values, never a frame. What is one shard follows from the data, never from the runner, so that the bytes of a
release are the same on each. A shard may be worked on twice, where a worker was lost: what is left is written aside
and renamed.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from schemas.errors import SettingsError
from schemas.project import RunnerSettings

Item = TypeVar("Item")
Made = TypeVar("Made")


class Runner(Protocol):
    """What a stage needs to know of it."""

    @property
    def shares(self) -> bool:
        """Whether work is done by other processes, which see the run's folder and not this one's memory."""

    @property
    def told(self) -> str:
        """What works, in a few words; empty where it is this process."""

    def map(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """`function` of each item, in the items' order. Raises what the function raises, and UsageError where
        workers are lost for good or are not like this process."""

    def check(self, folder: Path) -> None:
        """Raises UsageError where a worker is not like this process, or does not see `folder`."""


class Local:
    """One after the other, in this process."""

    shares = False
    told = ""

    def map(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """See Runner."""
        return map(function, items)

    def check(self, folder: Path) -> None:
        """See Runner."""


LOCAL = Local()


class Sharing(NamedTuple):
    """Who shares the work of a stage, and the folder that what passes between them is left in."""

    runner: Runner
    folder: Path


@contextmanager
def opened(settings: RunnerSettings) -> Iterator[Runner]:
    """The runner that the settings name, as long as the context lasts. Raises UsageError where it cannot be had."""
    if settings.kind == "local":
        yield LOCAL
        return
    from importlib import import_module

    # Another engine is another line.
    module = {"dask": "pipelines._runner_dask", "ray": "pipelines._runner_ray"}[settings.kind]
    runner: Any = import_module(module).runner
    with runner(settings) as started:
        yield started


def runner_named(name: str | None, settings: RunnerSettings) -> RunnerSettings:
    """`settings` with what `--runner` said: local, dask, ray, or the address of a scheduler. Raises SettingsError.

    >>> runner_named("tcp://10.0.0.1:8786", RunnerSettings()).kind
    'dask'
    """
    if name is None:
        return settings
    if name in ("local", "dask", "ray"):
        same = name == settings.kind
        return settings if same else RunnerSettings.model_validate({"kind": name, "workers": settings.workers})
    scheme = name.partition("://")[0]
    if "://" in name and scheme in ("tcp", "tls", "ws", "wss", "ucx"):
        return RunnerSettings(kind="dask", address=name)
    if scheme == "ray":
        return RunnerSettings(kind="ray", address=name)
    raise SettingsError(
        f"--runner {name}: is no runner; use local, dask, ray, or a scheduler's address such as tcp://10.0.0.1:8786"
    )
