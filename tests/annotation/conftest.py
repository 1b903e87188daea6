"""A real Argilla server for every test under here: the embedded one, on a free port, in a home of its own.

A desk is a project on it, with a store of its own.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from annotation.asking.routing import dataset_of
from annotation.asking.tasks import Task, task_id
from annotation.exchange.client import Client
from annotation.exchange.pull import Pulled, pull
from annotation.exchange.push import push
from annotation.server import accounts, serve
from annotation.server.accounts import Account
from annotation.server.finding import folder_of
from annotation.spending.ledger import Sums, sums
from annotation.store.database import open_store, reading
from annotation.store.decisions import decisions_in_force
from annotation.store.tables import TASKS
from schemas.decision import DECISION_SCHEMA, TaskKind
from schemas.settings import AnnotationSettings

TIERS = {"crowd": {"price": 2, "annotators": ["ana", "ben"]}, "expert": {"price": 50, "annotators": ["eva"]}}


class Argilla(NamedTuple):
    """`api_key` is the owner's; `accounts` is by username (owner, ana, ben, eva)."""

    url: str
    home: Path
    api_key: str
    accounts: dict[str, Account]
    settings: AnnotationSettings


@pytest.fixture(scope="session")
def argilla_settings() -> AnnotationSettings:
    return AnnotationSettings.model_validate({"tiers": TIERS})


@pytest.fixture(scope="session")
def argilla(tmp_path_factory: pytest.TempPathFactory, argilla_settings: AnnotationSettings) -> Iterator[Argilla]:
    """One server for the whole session: a test that needs a dataset makes its own, with a name of its own."""
    home = tmp_path_factory.mktemp("argilla-home")
    running = serve.start(home, argilla_settings, port=0, progress=lambda _: None)
    try:
        made = {one.username: one for one in accounts.credentials(folder_of(home))}
        yield Argilla(running.url, home, made["owner"].api_key, made, argilla_settings)
    finally:
        serve.stop(home)


_NAMES = count()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty database, in SQLite and in PostgreSQL, which is also what ASSAY_DATABASE_URL says."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store' / 'assay.db'}"
        monkeypatch.setenv("ASSAY_DATABASE_URL", url)
        yield url
        return
    server = request.getfixturevalue("postgresql")
    name = f"assay_{next(_NAMES)}"
    server.sql(f"CREATE DATABASE {name}")
    monkeypatch.setenv("ASSAY_DATABASE_URL", server.url(name))
    yield server.url(name)
    server.sql(f"DROP DATABASE {name} WITH (FORCE)")


WHY = "A program doubts that the request is answered."


class Desk:
    """A project: its tasks, its people, and its store."""

    def __init__(self, argilla: Any, client: Client, store: Engine, settings: AnnotationSettings) -> None:
        self.argilla, self.client, self.store, self.settings = argilla, client, store, settings

    def task(self, name: str, kind: TaskKind = TaskKind.RECORD, *, overlap: int = 1, **said: Any) -> Task:
        shown: dict[str, str] = {"prompt": f"What is {name}?", "completion": "It is what it is.", "why": WHY}
        if kind == TaskKind.PAIR:
            shown = {"prompt_a": "What is it?", "prompt_b": "What's it?", "why": WHY}
        if kind == TaskKind.PREFERENCE:
            shown = {"prompt": "What is it?", "answer_a": "This.", "answer_b": "That.", "why": WHY}
        given = {
            "task_id": task_id(self.settings.project, kind, name),
            "kind": kind,
            "subject": name,
            "record_id": name,
            "twin_id": None,
            "tier": "crowd",
            "dataset": dataset_of(self.settings.project, kind, overlap=overlap > 1),
            "min_submitted": overlap,
            "domain": "general",
            "reasons": ("refusal.partial",),
            "gold": None,
            "fields": shown,
            "suggestions": (),
            "metadata": {"domain": "general", "source": "raw.jsonl", "n_tokens": 12, "quality": 0.5},
            "vector": None,
        }
        return Task(**given | said)

    def push(self, *tasks: Task) -> None:
        done = push(tasks, client=self.client, engine=self.store, settings=self.settings)
        assert (done.new, done.refused) == (len(tasks), ())

    def pull(self, **more: Any) -> Pulled:
        return pull(client=self.client, engine=self.store, settings=self.settings, **more)

    def rest(self, who: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-Argilla-Api-Key": self.argilla.accounts[who].api_key}
        answer = httpx.request(method, f"{self.argilla.url}/api/v1/{path}", headers=headers, json=body, timeout=60)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def records(self, task: Task) -> dict[str, dict[str, Any]]:
        dataset = self.client.find_dataset(task.tier, task.dataset)
        assert dataset is not None
        listed = self.rest("owner", "GET", f"datasets/{dataset.id}/records?limit=1000&include=responses,suggestions")
        return {record["external_id"]: record for record in listed["items"]}

    def say(self, who: str, task: Task, status: str = "submitted", **answers: Any) -> str:
        """What somebody answers in the form; answering again replaces it. The response's id."""
        record = self.records(task)[task.task_id]["id"]
        values = {question: {"value": value} for question, value in answers.items()}
        item = {"record_id": record, "status": status, "values": values or None}
        done = self.rest(who, "POST", "me/responses/bulk", {"items": [item]})["items"][0]
        assert done["error"] is None, done
        return str(done["item"]["id"])

    def decided(self) -> dict[str, dict[str, Any]]:
        frame = decisions_in_force(self.store, self.settings.project)
        assert frame.schema == DECISION_SCHEMA
        return {row["subject"]: row for row in frame.iter_rows(named=True)}

    def money(self) -> Sums:
        with reading(self.store) as connection:
            return sums(connection, self.settings.project)

    def count(self, table: sa.Table, *where: Any) -> int:
        with reading(self.store) as connection:
            query = (
                sa.select(sa.func.count()).select_from(table).where(table.c.project == self.settings.project, *where)
            )
            return int(connection.execute(query).scalar_one())

    def states(self) -> dict[str, str]:
        with reading(self.store) as connection:
            return {row.task_id: row.state for row in connection.execute(sa.select(TASKS))}

    def adjudicated(self, task: Task, tier: str = "expert") -> Task:
        """The task that settles another, as the adjudicators have it."""
        name = dataset_of(self.settings.project, task.kind, adjudicates=True)
        again = task_id(self.settings.project, task.kind, task.subject, adjudicates=True)
        return task._replace(task_id=again, tier=tier, dataset=name)


@pytest.fixture
def client(argilla: Any) -> Iterator[Client]:
    with Client(argilla.url, argilla.api_key) as made:
        yield made


@pytest.fixture
def settings(argilla_settings: AnnotationSettings) -> AnnotationSettings:
    return argilla_settings.model_copy(update={"project": f"p{uuid4().hex[:12]}"})


@pytest.fixture
def desk(argilla: Any, client: Client, settings: AnnotationSettings, tmp_path: Any) -> Iterator[Desk]:
    engine = open_store(f"sqlite:///{tmp_path}/store/assay.db")
    yield Desk(argilla, client, engine, settings)
    engine.dispose()


@pytest.fixture
def either(argilla: Any, client: Client, settings: AnnotationSettings, database: str) -> Iterator[Desk]:
    """A desk in SQLite, and one in PostgreSQL."""
    engine = open_store(database)
    yield Desk(argilla, client, engine, settings)
    engine.dispose()
