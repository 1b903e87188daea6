"""`assay serve`: a project's runs by the clock, by what comes in, and by hand, until it is told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from annotation.home import make_home
from pipelines.serving.plan import Plan, plan_of
from pipelines.serving.server import Place, Server, answers, place_of
from schemas.errors import UsageError

Say = Callable[[str], None]

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# How often it is looked for runs that are due; Prefect's own 10 s would be most of a short interval.
_POLL_SECONDS = 5.0
_MIND_SECONDS = 3.0
# A server that somebody restarts is back by then, and Prefect's client tries for as long.
_MISSING_SECONDS = 60.0
# Of our own server in one life of ours: one that ends again and again has a reason that its log tells.
_RESTARTS = 3


def serve(
    config: Path | None,
    *,
    cron: str | None = None,
    interval: float | None = None,
    host: str | None = None,
    port: int | None = None,
    say: Say,
) -> None:
    """Serve the project of `config` (null: assay.yaml here) until SIGINT, SIGTERM or SIGHUP.

    `cron` or `interval` (seconds) replace the schedule of `curate`. A server is started, at `host` and `port`, where
    none is set or runs, and stopped at the end. Raises AssayError for whatever is wrong with the call, the settings
    or the server.
    """
    place = place_of(host, port)
    _tell_prefect(place)
    plan = plan_of(config, cron, interval, say)
    # Runs inherit it, so that paths in messages and in the ledger are those of the file.
    os.chdir(plan.config.parent)
    own = Server(place, make_home() / "prefect-server.log") if place.own else None
    _on_each_ending(_interrupt)
    try:
        if own is not None:
            say(f"{'server':<13} starting Prefect's own at {place.ui}")
            own.start()
        asyncio.run(_Stay(plan, place, own, say).until_told())
    except KeyboardInterrupt:
        pass  # told to stop before it served
    finally:
        # Told again, it still ends what it has started.
        _on_each_ending(signal.SIG_IGN)
        if own is not None:
            own.stop()
    say(f"{'stopped':<13} schedules are paused until `assay serve` runs again")


def _on_each_ending(handler: Any) -> None:
    for number in _ENDINGS:
        signal.signal(number, handler)


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _tell_prefect(place: Place) -> None:
    """Before it is imported: what it reads then, and what the runs inherit."""
    os.environ["PREFECT_API_URL"] = place.url
    # Runs tell of themselves, in our words; Prefect would log each error with its traceback.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    for part in ("ROOT_LEVEL", "INTERNAL_LEVEL"):
        os.environ.setdefault(f"PREFECT_LOGGING_{part}", "CRITICAL")
    import pipelines._orchestration  # noqa: F401


class _Stay:
    """One life of the command, once a server answers."""

    def __init__(self, plan: Plan, place: Place, own: Server | None, say: Say) -> None:
        self._plan, self._place, self._own, self._say = plan, place, own, say
        self._told = asyncio.Event()
        self._deployments: dict[str, UUID] = {}

    async def until_told(self) -> None:
        from prefect.runner import Runner

        from pipelines.serving.deployments import forget_missed, made, refuse_namesake

        await refuse_namesake(self._plan)
        # One run at a time, whatever asks for it: all of them read or replace the same release.
        runner = Runner(name=f"assay-{self._plan.name}", limit=1, query_seconds=_POLL_SECONDS)
        for deployment in await made(self._plan):
            assert deployment.flow_name is not None
            self._deployments[deployment.flow_name] = await runner.aadd_deployment(deployment)
        if missed := await forget_missed(list(self._deployments.values())):
            self._say(f"{'missed':<13} {missed} scheduled runs while nobody served; the next one does their work")
        await self._follow_the_gate()
        await self._show()
        await self._run(runner)

    async def _follow_the_gate(self) -> None:
        from pipelines.serving.automation import on_failed_gate

        if told := await on_failed_gate(self._plan, self._deployments):
            self._say(f"{'failed gate':<13} {told}")

    async def _show(self) -> None:
        from pipelines.serving.deployments import served

        self._say(f"{'ui':<13} {self._place.ui}")
        for one in await served(self._plan):
            due = f", next {one.next_run:%Y-%m-%d %H:%M:%S %Z}" if one.next_run else ""
            self._say(f"{'serving':<13} {one.name:<28} {one.schedule}{due}")
        if self._plan.watch:
            self._say(f"{'watching':<13} {', '.join(self._plan.sources)}, every {self._plan.watch.every:g} s")

    async def _run(self, runner: Any) -> None:
        """Until somebody says stop, or one of the loops fails."""
        async with AsyncExitStack() as beside:
            running = asyncio.create_task(runner.start())
            # By then the runner has set its own handler, which would end the process from within the loop.
            await asyncio.sleep(0)
            for number in _ENDINGS:
                asyncio.get_running_loop().add_signal_handler(number, self._told.set)
            loops = [self._mind_the_server(), self._told.wait(), *([self._watch()] if self._plan.watch else [])]
            tasks = [running, *(asyncio.create_task(each) for each in loops)]
            beside.push_async_callback(_end, tasks[1:])
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if running not in done:
                await self._stop(runner, running)
            for task in done:
                task.result()

    async def _stop(self, runner: Any, running: "asyncio.Task[None]") -> None:
        """The run that is on is ended, and leaves the release that was there."""
        if runner._process_manager.flow_run_ids():
            self._say(f"{'stopping':<13} the run that is on ends; the release that was there stays")
        with suppress(Exception):  # where the server is gone, nobody can be told
            await runner.astop()
        await asyncio.wait([running], timeout=_MISSING_SECONDS)
        running.cancel()
        with suppress(Exception, asyncio.CancelledError):
            await running

    async def _mind_the_server(self) -> None:
        """Our own server is started again where it ends. Raises UsageError where none answers for a minute."""
        missing, restarts = 0.0, 0
        while True:
            await asyncio.sleep(_MIND_SECONDS)
            if await asyncio.to_thread(answers, self._place.url):
                missing = 0.0
                continue
            if missing == 0.0:
                self._say(f"{'server':<13} {self._place.url} does not answer; the run that is on goes on")
            missing += _MIND_SECONDS
            if self._own is not None and not self._own.runs and restarts < _RESTARTS:
                restarts += 1
                self._say(f"{'server':<13} starting it again")
                await asyncio.to_thread(self._own.start)
                missing = 0.0
            if missing >= _MISSING_SECONDS:
                raise UsageError(f"{self._place.url}: the Prefect server no longer answers; start it and serve again")

    async def _watch(self) -> None:
        from pipelines.serving.deployments import ask, still_waits
        from pipelines.serving.watch import Watcher

        assert self._plan.watch is not None
        watcher, asked, failed = Watcher(self._plan.config, self._plan.sources), None, False
        while True:
            try:
                look = await asyncio.to_thread(watcher.look)
                if look.new:
                    # A run that has not begun will read what is there when it does.
                    if asked is None or not await still_waits(asked):
                        asked = await ask(self._deployments["curate"], "new-data")
                        self._say(f"{'new':<13} {_some(look.new)}; asked for a run of curate")
                    watcher.asked_for(look)
                failed = False
            except Exception as error:  # a disk, a network or the server, each with errors of its own
                if not failed:
                    self._say(f"{'watching':<13} failed: {' '.join(str(error).split())[:300]}; it is tried again")
                failed = True
            await asyncio.sleep(self._plan.watch.every)


async def _end(tasks: "list[asyncio.Task[Any]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
