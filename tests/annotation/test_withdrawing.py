"""What nobody answered can be taken back, with its money; what somebody began cannot."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from annotation.asking.tasks import Task
from annotation.exchange import withdrawing
from annotation.exchange.client import Client
from annotation.exchange.pull import pull
from annotation.exchange.push import push
from annotation.exchange.withdrawing import Takes, left_over, withdraw
from annotation.spending.ledger import Sums, sums
from annotation.store.database import open_store, reading
from annotation.store.tables import TASKS
from schemas.decision import TaskKind
from schemas.settings import AnnotationSettings


class Desk:
    """A project of its own on the shared server: its tasks, its people and its store."""

    def __init__(self, argilla: Any, client: Client, store: Engine, settings: AnnotationSettings) -> None:
        self.argilla, self.client, self.store, self.settings = argilla, client, store, settings

    def task(self, name: str, **said: Any) -> Task:
        given = {
            "task_id": f"{self.settings.project}-{name}",
            "kind": TaskKind.RECORD,
            "subject": name,
            "record_id": name,
            "twin_id": None,
            "tier": "crowd",
            "dataset": f"{self.settings.project}-record",
            "min_submitted": 1,
            "domain": None,
            "reasons": ("refusal.partial",),
            "gold": None,
            "fields": {"prompt": f"What is {name}?", "completion": "It is what it is.", "why": "It is doubted."},
            "suggestions": (),
            "metadata": {"source": "faq.jsonl"},
            "vector": None,
        }
        return Task(**given | said)

    def push(self, *tasks: Task, run_id: str = "run") -> int:
        return push(tasks, client=self.client, engine=self.store, settings=self.settings, run_id=run_id).new

    def say(self, who: str, task: Task, status: str = "submitted") -> None:
        dataset = self.client.find_dataset(task.tier, task.dataset)
        assert dataset is not None
        ids = {one["external_id"]: one["id"] for page in self.client._listings(dataset) for one in page.records}
        answer = httpx.post(
            f"{self.argilla.url}/api/v1/me/responses/bulk",
            headers={"X-Argilla-Api-Key": self.argilla.accounts[who].api_key},
            json={
                "items": [
                    {"record_id": ids[task.task_id], "status": status, "values": {"verdict": {"value": "accept"}}}
                ]
            },
            timeout=60,
        )
        assert answer.json()["items"][0]["error"] is None, answer.text

    def withdraw(self, takes: Takes, **how: bool) -> withdrawing.Withdrawn:
        return withdraw(takes, client=self.client, engine=self.store, settings=self.settings, **how)

    def held(self, tier: str = "crowd") -> set[str]:
        dataset = self.client.find_dataset(tier, f"{self.settings.project}-record")
        return {name.rpartition("-")[2] for name in self.client.external_ids(dataset)} if dataset else set()

    def states(self) -> dict[str, str]:
        with reading(self.store) as connection:
            return {row.subject: row.state for row in connection.execute(sa.select(TASKS))}

    def money(self) -> Sums:
        with reading(self.store) as connection:
            return sums(connection, self.settings.project)


def everything(*_: Any) -> bool:
    return True


@pytest.fixture
def desk(argilla: Any, argilla_settings: AnnotationSettings, database: str) -> Iterator[Desk]:
    store = open_store(database)
    with Client(argilla.url, argilla.api_key) as client:
        yield Desk(argilla, client, store, argilla_settings.model_copy(update={"project": f"p{uuid4().hex[:12]}"}))
    store.dispose()


def test_what_nobody_answered_is_taken_back_with_its_money(desk: Desk) -> None:
    tasks = {name: desk.task(name) for name in ("answered", "begun", "open")} | {
        "dear": desk.task("dear", tier="expert")
    }
    desk.push(*tasks.values())
    desk.say("ana", tasks["answered"])
    desk.say("ben", tasks["begun"], "draft")
    told = desk.withdraw(everything, dry_run=True)
    assert (told.freed, told.answered) == (5200, 2)
    assert desk.money() == Sums(reserved=5600, spent=0)
    assert desk.withdraw(everything) == told
    assert {name: len(ids) for name, ids in told.by_dataset.items()} == {
        f"crowd/{desk.settings.project}-record": 1,
        f"expert/{desk.settings.project}-record": 1,
    }
    assert (desk.held(), desk.held("expert")) == ({"answered", "begun"}, set())
    assert desk.states() == {"answered": "pushed", "begun": "pushed", "open": "withdrawn", "dear": "withdrawn"}
    assert desk.money() == Sums(reserved=400, spent=0)
    again = desk.withdraw(everything)
    assert (again.by_dataset, again.freed, again.answered) == ({}, 0, 2)
    pull(client=desk.client, engine=desk.store, settings=desk.settings)
    assert desk.money() == Sums(reserved=200, spent=200)


def test_what_was_taken_back_can_be_given_out_again(desk: Desk) -> None:
    desk.push(desk.task("one"))
    desk.withdraw(everything)
    assert desk.push(desk.task("one", tier="expert")) == 1
    assert (desk.held(), desk.held("expert")) == (set(), {"one"})
    assert desk.money() == Sums(reserved=5000, spent=0)


def test_a_withdrawal_that_dies_on_the_way_is_finished_by_the_next(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> int:
        raise KeyboardInterrupt

    desk.push(desk.task("one"), desk.task("two"))
    with monkeypatch.context() as patched:
        patched.setattr(withdrawing, "withdraw_tasks", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.withdraw(everything)
    assert (desk.held(), desk.money()) == (set(), Sums(reserved=400, spent=0))
    assert desk.withdraw(everything).freed == 400
    assert (desk.states(), desk.money()) == ({"one": "withdrawn", "two": "withdrawn"}, Sums(0, 0))


def test_a_dataset_that_is_gone_is_told_and_its_money_is_free(desk: Desk) -> None:
    desk.push(desk.task("one"))
    dataset = desk.client.find_dataset("crowd", f"{desk.settings.project}-record")
    assert dataset is not None
    httpx.delete(
        f"{desk.argilla.url}/api/v1/datasets/{dataset.id}",
        headers={"X-Argilla-Api-Key": desk.argilla.api_key},
        timeout=60,
    ).raise_for_status()
    told = desk.withdraw(everything)
    assert (told.freed, told.missing_datasets) == (200, (f"crowd/{desk.settings.project}-record",))
    assert desk.money() == Sums(0, 0)


def test_only_what_the_release_waits_for_no_more_is_left_over(desk: Desk) -> None:
    """Its own record, a row of its source that changed, and what the same run pushed; not another release's."""
    elsewhere = {"metadata": {"source": "other.jsonl"}}
    desk.push(desk.task("ours", **elsewhere), desk.task("settled", **elsewhere), desk.task("theirs", **elsewhere))
    desk.push(desk.task("changed"), desk.task("known", gold="accept"), desk.task("waiting"))
    desk.push(desk.task("pushed", **elsewhere), run_id="this run")
    takes = left_over({("record", "ours"), ("record", "waiting")}, {"ours", "settled"}, {"faq.jsonl"}, "this run")
    desk.withdraw(takes)
    assert {name for name, state in desk.states().items() if state == "withdrawn"} == {"settled", "changed", "pushed"}
    assert desk.held() == {"ours", "theirs", "known", "waiting"}
