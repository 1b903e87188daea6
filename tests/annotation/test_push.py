"""Tasks get to the server once and are paid for once, whatever dies on the way."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from annotation.asking.tasks import Task
from annotation.exchange import push as pushing_out
from annotation.exchange.client import Client
from annotation.exchange.push import Pushed, push
from annotation.server import serve
from annotation.spending.budget import Forecast, forecast_lines, withdraw_tasks
from annotation.spending.ledger import Sums, sums
from annotation.store.database import open_store, reading
from annotation.store.tables import TASKS
from schemas.decision import TaskKind
from schemas.errors import AnnotationError, BudgetError
from schemas.settings import AnnotationSettings, BudgetSettings

MakeTask = Callable[..., Task]
WHY = "A program doubts that the request is answered."


@pytest.fixture
def client(argilla: Any) -> Iterator[Client]:
    with Client(argilla.url, argilla.api_key) as made:
        yield made


@pytest.fixture
def store(database: str) -> Iterator[Engine]:
    engine = open_store(database)
    yield engine
    engine.dispose()


@pytest.fixture
def settings(argilla_settings: AnnotationSettings) -> AnnotationSettings:
    """A project of its own for each test: the server is shared, the datasets are not."""
    return argilla_settings.model_copy(update={"project": f"p{uuid4().hex[:12]}"})


@pytest.fixture
def make_task() -> MakeTask:
    """A task of a project: whatever is not said is sensible."""

    def make(settings: AnnotationSettings, name: str, **said: Any) -> Task:
        given = {
            "task_id": name,
            "kind": TaskKind.RECORD,
            "subject": name,
            "record_id": name,
            "twin_id": None,
            "tier": "crowd",
            "dataset": f"{settings.project}-record",
            "min_submitted": 1,
            "domain": "code",
            "reasons": ("refusal.partial",),
            "gold": None,
            "fields": {"prompt": f"What is {name}?", "completion": "It is what it is.", "why": WHY},
            "suggestions": (),
            "metadata": {"domain": "code", "reasons": ["refusal.partial"]},
            "vector": (0.5, 0.25, 0.125),
        }
        return Task(**given | said)

    return make


def states(store: Engine) -> dict[str, str]:
    with reading(store) as connection:
        return dict(connection.execute(sa.select(TASKS.c.task_id, TASKS.c.state)).all())  # type: ignore[arg-type]


def money(store: Engine, settings: AnnotationSettings) -> Sums:
    with reading(store) as connection:
        return sums(connection, settings.project)


def held(client: Client, settings: AnnotationSettings, tier: str = "crowd") -> set[str]:
    dataset = client.find_dataset(tier, f"{settings.project}-record")
    return client.external_ids(dataset) if dataset else set()


def test_tasks_are_sent_noted_and_paid_for(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask
) -> None:
    tasks = [make_task(settings, f"t{number}") for number in range(5)] + [make_task(settings, "e", tier="expert")]
    lines: list[str] = []
    foretold: list[Forecast] = []
    done = push(
        tasks,
        client=client,
        engine=store,
        settings=settings,
        run_id="run",
        progress=lines.append,
        foretell=foretold.append,
    )
    assert (done.new, done.already, done.settled, done.refused) == (6, 0, 0, ())
    assert done.by_dataset == {
        f"crowd/{settings.project}-record": 5,
        f"expert/{settings.project}-record": 1,
    }
    assert done.reserved == 5 * 200 + 5000
    assert done.forecast.amount == done.reserved
    assert money(store, settings) == Sums(reserved=6000, spent=0)
    assert held(client, settings) == {f"t{number}" for number in range(5)}
    assert set(states(store).values()) == {"pushed"}
    assert lines
    assert foretold == [done.forecast]
    assert {one.name: one.reserved for one in done.standings if one.name in ("project", "tier crowd")} == {
        "project": 6000,
        "tier crowd": 1000,
    }


def test_pushing_again_changes_nothing(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask
) -> None:
    tasks = [make_task(settings, f"t{number}") for number in range(4)]
    push(tasks, client=client, engine=store, settings=settings)
    again = push(tasks, client=client, engine=store, settings=settings)
    assert (again.new, again.already, again.reserved) == (0, 4, 0)
    assert money(store, settings).reserved == 800
    more = push([*tasks, make_task(settings, "t4")], client=client, engine=store, settings=settings)
    assert (more.new, more.already, more.reserved) == (1, 4, 200)


def test_beyond_the_budget_nothing_is_sent(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask
) -> None:
    poor = settings.model_copy(update={"budget": BudgetSettings(total=Decimal(7))})
    tasks = [make_task(settings, f"t{number}") for number in range(4)]
    foretold: list[Forecast] = []
    with pytest.raises(BudgetError, match=r"annotation\.budget\.total"):
        push(tasks, client=client, engine=store, settings=poor, foretell=foretold.append)
    assert forecast_lines(foretold[0]) == [
        "crowd       4 tasks, 4 answers at $2.00: $8.00",
        "asks for    $8.00",
        "limit       project: $7.00, $0.00 spent, $0.00 reserved, $7.00 left: NOT ENOUGH",
    ]
    assert client.find_dataset("crowd", f"{settings.project}-record") is None
    assert states(store) == {}
    assert push(tasks[:3], client=client, engine=store, settings=poor).new == 3


def test_a_record_that_the_server_refuses_costs_itself_and_gets_its_money_back(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask
) -> None:
    bad = make_task(settings, "bad", fields={"prompt": "half a sign: \ud83d", "why": WHY})
    for _ in range(2):  # told each time, paid never
        done = push([make_task(settings, "good"), bad], client=client, engine=store, settings=settings)
        assert [one.task_id for one in done.refused] == ["bad"]
        assert "surrogates" in done.refused[0].reason
        assert money(store, settings) == Sums(reserved=200, spent=0)
        assert states(store) == {"good": "pushed", "bad": "withdrawn"}
    mended = make_task(settings, "bad", fields={"prompt": "a whole sign: \U0001f600", "why": WHY})
    assert push([mended], client=client, engine=store, settings=settings).new == 1
    assert money(store, settings) == Sums(reserved=400, spent=0)


def test_a_push_that_dies_at_a_refused_task_has_not_lost_its_money(
    client: Client,
    store: Engine,
    settings: AnnotationSettings,
    make_task: MakeTask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    tight = settings.model_copy(update={"budget": BudgetSettings(total=Decimal(2))})
    bad = make_task(settings, "one", fields={"prompt": "half a sign: \ud83d", "why": WHY})
    with monkeypatch.context() as patched:
        patched.setattr(pushing_out, "withdraw_tasks", killed)
        with pytest.raises(KeyboardInterrupt):
            push([bad], client=client, engine=store, settings=tight)
    with pytest.raises(BudgetError):  # the money is still that task's
        push([make_task(settings, "two")], client=client, engine=store, settings=tight)
    assert push([make_task(settings, "one")], client=client, engine=store, settings=tight).new == 1
    assert money(store, settings) == Sums(reserved=200, spent=0)


def test_a_task_without_its_money_is_not_sent_beyond_the_budget(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask
) -> None:
    """An older version could die between giving the money back and saying so."""
    tight = settings.model_copy(update={"budget": BudgetSettings(total=Decimal(2))})
    bad = make_task(settings, "one", fields={"prompt": "half a sign: \ud83d", "why": WHY})
    push([bad], client=client, engine=store, settings=tight)
    with store.begin() as connection:
        connection.execute(sa.update(TASKS).values(state="reserved"))
    push([make_task(settings, "two")], client=client, engine=store, settings=tight)
    foretold: list[Forecast] = []
    with pytest.raises(BudgetError):
        push([make_task(settings, "one")], client=client, engine=store, settings=tight, foretell=foretold.append)
    assert foretold[0].amount == 200
    assert held(client, settings) == {"two"}


def test_what_is_decided_is_not_asked_again_and_what_was_withdrawn_is_paid_for_again(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask
) -> None:
    tasks = [make_task(settings, name) for name in ("decided", "withdrawn", "open")]
    push(tasks, client=client, engine=store, settings=settings)
    withdraw_tasks(store, {"withdrawn": "by hand"}, settings)
    with store.begin() as connection:
        connection.execute(sa.update(TASKS).where(TASKS.c.task_id == "decided").values(state="decided"))
    dataset = client.find_dataset("crowd", f"{settings.project}-record")
    assert dataset is not None
    client.withdraw(dataset, ["decided", "withdrawn", "open"])
    again = push(tasks, client=client, engine=store, settings=settings)
    assert (again.new, again.resent, again.settled, again.reserved) == (2, 1, 1, 200)
    assert held(client, settings) == {"open", "withdrawn"}
    assert money(store, settings) == Sums(reserved=600, spent=0)


def test_one_subject_is_asked_once_whatever_the_rules_say_by_now(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask
) -> None:
    push([make_task(settings, "t", subject="s")], client=client, engine=store, settings=settings)
    moved = make_task(settings, "t", subject="s", tier="expert")
    renamed = make_task(settings, "other", subject="s", tier="expert")
    done = push([moved, renamed], client=client, engine=store, settings=settings)
    assert (done.new, done.already, done.reserved) == (0, 2, 0)
    assert held(client, settings, "expert") == set()


def test_a_server_that_lost_its_data_gets_the_tasks_again_and_nothing_is_reserved_twice(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask, argilla: Any
) -> None:
    tasks = [make_task(settings, f"t{number}") for number in range(5)]
    push(tasks, client=client, engine=store, settings=settings)
    dataset = client.find_dataset("crowd", f"{settings.project}-record")
    assert dataset is not None
    gone = httpx.delete(
        f"{argilla.url}/api/v1/datasets/{dataset.id}", headers={"X-Argilla-Api-Key": argilla.api_key}, timeout=60
    )
    assert gone.is_success
    again = push(tasks, client=client, engine=store, settings=settings)
    assert (again.new, again.resent, again.reserved) == (5, 5, 0)
    assert held(client, settings) == {task.task_id for task in tasks}
    assert money(store, settings) == Sums(reserved=1000, spent=0)


def test_a_dataset_that_asks_something_else_stops_the_push_before_money_is_promised(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask
) -> None:
    push([make_task(settings, "one")], client=client, engine=store, settings=settings)
    with pytest.raises(AnnotationError, match="asks 1 people each, not 3"):
        push([make_task(settings, "three", min_submitted=3)], client=client, engine=store, settings=settings)
    assert money(store, settings).reserved == 200


def test_two_pushes_at_once_send_and_reserve_once(
    argilla: Any, store: Engine, settings: AnnotationSettings, make_task: MakeTask, client: Client
) -> None:
    tasks = [make_task(settings, f"{settings.project}-{number}") for number in range(60)]

    def one_of_them(_: int) -> Pushed:
        with Client(argilla.url, argilla.api_key) as mine:
            return push(tasks, client=mine, engine=store, settings=settings)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(one_of_them, range(2)))
    assert held(client, settings) == {task.task_id for task in tasks}
    assert sorted(one.reserved for one in done) == [0, 60 * 200]
    assert money(store, settings) == Sums(reserved=60 * 200, spent=0)
    assert set(states(store).values()) == {"pushed"}


def test_annotators_without_an_account_are_named(
    client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask
) -> None:
    crowd = settings.tiers["crowd"].model_copy(update={"annotators": ("ana", "nobody")})
    wider = settings.model_copy(update={"tiers": {**settings.tiers, "crowd": crowd}})
    done = push([make_task(settings, "t")], client=client, engine=store, settings=wider)
    assert done.absent == (("crowd", "nobody"),)


# What a killed process runs: the same push, as a command would.
PUSH = """
import json, sys
from annotation.exchange.client import Client
from annotation.store.database import open_store
from annotation.exchange.push import Pushed, push
from annotation.asking.tasks import Task
from schemas.decision import TaskKind
from schemas.settings import AnnotationSettings
order = json.load(sys.stdin)
tasks = [Task(**task | {"kind": TaskKind(task["kind"]), "suggestions": ()}) for task in order["tasks"]]
settings = AnnotationSettings.model_validate(order["settings"])
with Client(order["url"], order["key"]) as client:
    push(tasks, client=client, engine=open_store(), settings=settings, progress=lambda line: print(line, flush=True))
"""


def pushing(argilla: Any, settings: AnnotationSettings, tasks: list[Task]) -> "subprocess.Popen[str]":
    import json

    order = {
        "url": argilla.url,
        "key": argilla.api_key,
        "settings": settings.model_dump(mode="json"),
        "tasks": [task._asdict() for task in tasks],
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PUSH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(order))
    process.stdin.close()
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while it reserves", "after a batch"])
def test_a_push_killed_in_the_middle_is_finished_by_the_next(
    argilla: Any, client: Client, store: Engine, settings: AnnotationSettings, make_task: MakeTask, moment: str
) -> None:
    tasks = [make_task(settings, f"{settings.project}-{number}") for number in range(1200)]
    process = pushing(argilla, settings, tasks)
    try:
        assert process.stdout is not None
        if moment == "after a batch":
            assert "500 of 1,200" in process.stdout.readline()
        else:
            wait_for(lambda: bool(states(store)))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    finally:
        end(process)
    assert len(held(client, settings)) < 1200
    done = push(tasks, client=client, engine=store, settings=settings)
    assert (done.new + done.already, done.reserved) == (1200, 0)
    assert held(client, settings) == {task.task_id for task in tasks}
    assert set(states(store).values()) == {"pushed"}
    assert money(store, settings) == Sums(reserved=1200 * 200, spent=0)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen within 30 s")


@pytest.mark.slow
def test_a_server_killed_in_the_middle_of_a_push(
    tmp_path: Any, settings: AnnotationSettings, make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of its own: the others' must live. It dies at any moment of a batch's way, and comes back."""
    store = open_store(f"sqlite:///{tmp_path}/assay.db")
    home = tmp_path / "home"
    running = serve.start(home, settings, port=0, progress=lambda _: None)
    tasks = [make_task(settings, f"{settings.project}-{number}") for number in range(1500)]
    flight = Flight(monkeypatch)
    try:
        key = next(one.api_key for one in running.new_accounts if one.username == "owner")
        for batch, moment in enumerate(MOMENTS, start=1):
            with ThreadPoolExecutor(1) as beside, Client(running.url, key, timeout=60) as client:
                again = beside.submit(kill_in_flight, flight, home, running, settings, moment)
                # It goes on by itself where the server is back in time, and else says so; never in between.
                with suppress(AnnotationError):
                    push(tasks[: 500 * batch], client=client, engine=store, settings=settings)
                running = again.result()
        assert flight.hits, f"none of {MOMENTS} was within a request"
        with Client(running.url, key) as client:
            done = push(tasks, client=client, engine=store, settings=settings)
            assert (done.new + done.already, done.refused, done.reserved) == (1500, (), 0)
            assert held(client, settings) == {task.task_id for task in tasks}
            dataset = client.find_dataset("crowd", f"{settings.project}-record")
            assert dataset is not None
            assert client.progress(dataset).total == 1500  # no second copy
        assert money(store, settings) == Sums(reserved=1500 * 200, spent=0)
    finally:
        serve.stop(home)
        store.dispose()


# Seconds after a batch has left, before the server is killed: a batch takes half a second at least.
MOMENTS = [round(random.Random(20).uniform(0.0, limit), 3) for limit in (0.1, 0.3, 0.5)]


class Flight:
    """Whether a batch is on its way; `hits` are the moments at which one was, and the server died."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.under_way = threading.Event(), threading.Event()
        self.hits: list[float] = []
        original = httpx.Client.send

        def send(client: httpx.Client, request: httpx.Request, **how: Any) -> httpx.Response:
            if request.method != "PUT" or not request.url.path.endswith("/records/bulk"):
                return original(client, request, **how)
            self.under_way.set()
            self.begun.set()
            try:
                return original(client, request, **how)
            finally:
                self.under_way.clear()

        monkeypatch.setattr(httpx.Client, "send", send)


def kill_in_flight(
    flight: Flight, home: Any, running: serve.Running, settings: AnnotationSettings, moment: float
) -> serve.Running:
    flight.begun.clear()
    assert flight.begun.wait(120)
    time.sleep(moment)
    if flight.under_way.is_set():
        flight.hits.append(moment)
    os.kill(running.pid, signal.SIGKILL)
    return serve.start(home, settings, port=running.port, progress=lambda _: None)
