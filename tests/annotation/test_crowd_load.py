"""Eight people answer at once, while somebody pulls: every answer counts, and is paid, once."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from annotation.asking.tasks import Task
from annotation.exchange.client import Client
from annotation.exchange.pull import pull
from annotation.exchange.push import push
from annotation.spending.ledger import Sums, sums
from annotation.store.database import open_store, reading
from annotation.store.tables import ENTRIES, RESPONSES
from schemas.decision import TaskKind
from schemas.settings import AnnotationSettings

PEOPLE, TASKS_EACH, AT_ONCE = 8, 250, 5  # 2,000 answers
TASKS = PEOPLE * TASKS_EACH // 2  # two people each


def a_task(settings: AnnotationSettings, number: int) -> Task:
    return Task(
        task_id=f"t{number}",
        kind=TaskKind.RECORD,
        subject=f"t{number}",
        record_id=f"t{number}",
        twin_id=None,
        tier="crowd",
        dataset=f"{settings.project}-record-overlap",
        min_submitted=2,
        domain="general",
        reasons=("refusal.partial",),
        gold=None,
        fields={"prompt": f"What is {number}?", "completion": "A number.", "why": "A program doubts it."},
        suggestions=(),
        metadata={"domain": "general"},
        vector=None,
    )


def answer(url: str, key: str, records: list[str]) -> int:
    """Submits, a few at a time; how many the server took."""
    taken = 0
    with httpx.Client(base_url=url, headers={"X-Argilla-Api-Key": key}, timeout=120) as session:
        for start in range(0, len(records), AT_ONCE):
            items = [
                {"record_id": record, "status": "submitted", "values": {"verdict": {"value": "accept"}}}
                for record in records[start : start + AT_ONCE]
            ]
            done = session.post("/api/v1/me/responses/bulk", json={"items": items})
            assert done.is_success, done.text
            refused = [one["error"] for one in done.json()["items"] if one["item"] is None]
            assert not refused, f"after {taken}: {refused}"
            taken += len(done.json()["items"])
    return taken


@pytest.mark.long
@pytest.mark.slow
def test_every_answer_of_eight_people_at_once_counts_once(
    argilla: Any, argilla_settings: AnnotationSettings, tmp_path: Any
) -> None:
    settings = argilla_settings.model_copy(update={"project": f"p{uuid4().hex[:12]}"})
    store = open_store(f"sqlite:///{tmp_path}/assay.db")
    with Client(argilla.url, argilla.api_key) as client:
        made = [client.ensure_user(f"w{number}-{uuid4().hex[:6]}") for number in range(PEOPLE)]
        people = {one.username: one.api_key for one in made if one is not None}
        assert client.ensure_members("crowd", list(people)) == []
        push([a_task(settings, number) for number in range(TASKS)], client=client, engine=store, settings=settings)
        dataset = client.find_dataset("crowd", f"{settings.project}-record-overlap")
        assert dataset is not None
        ids = {record["external_id"]: record["id"] for page in client._listings(dataset) for record in page.records}
        # The two who share tasks take them in the same order: they meet at each record.
        shares = [[ids[f"t{number}"] for number in range(part, TASKS, 4)] for part in range(4)] * 2
        stop = threading.Event()

        def keep_pulling() -> int:
            pulls = 0
            with Client(argilla.url, argilla.api_key) as other:
                while not stop.is_set():
                    pull(client=other, engine=store, settings=settings)
                    pulls += 1
                    stop.wait(5)
            return pulls

        with ThreadPoolExecutor(PEOPLE + 1) as pool:
            pulling = pool.submit(keep_pulling)
            work = [pool.submit(answer, argilla.url, key, s) for key, s in zip(people.values(), shares, strict=True)]
            try:
                assert [one.result() for one in work] == [TASKS_EACH] * PEOPLE
            finally:
                stop.set()
            assert pulling.result() >= 1
        last = pull(client=client, engine=store, settings=settings)
        progress = client.progress(dataset)
    assert (progress.total, progress.completed) == (TASKS, TASKS)
    assert last.read.submitted == PEOPLE * TASKS_EACH
    assert last.read.overdrawn == 0
    with reading(store) as connection:
        assert sums(connection, settings.project) == Sums(reserved=0, spent=PEOPLE * TASKS_EACH * 200)
        booked = connection.execute(sa.select(ENTRIES.c.annotator).where(ENTRIES.c.kind == "book")).scalars()
        assert Counter(booked) == dict.fromkeys(people, TASKS_EACH)
        kept = connection.execute(sa.select(sa.func.count()).select_from(RESPONSES)).scalar_one()
        assert kept == PEOPLE * TASKS_EACH
    store.dispose()
