"""What a run knows of people from the store: how far they agree, and what is still to come of their cost."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from annotation.asking.tasks import Task
from annotation.exchange.responses import Answer
from annotation.spending.budget import book_responses, reserve_tasks
from annotation.spending.ledger import locked
from annotation.store.asked import keep_answers
from annotation.store.database import open_store
from pipelines._people import agreement_of, decided
from schemas.decision import TaskKind
from schemas.settings import AnnotationSettings

SETTINGS = AnnotationSettings.model_validate({"tiers": {"crowd": {"price": 2}}})
NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)


def task(name: str) -> Task:
    """A task that two people of the crowd answer."""
    return Task(
        task_id=name, kind=TaskKind.RECORD, subject=name, record_id=name, twin_id=None, tier="crowd",
        dataset="assay-record", min_submitted=2, domain=None, reasons=("length.short",), gold=None, fields={},
        suggestions=(), metadata={}, vector=None,
    )  # fmt: skip


def answers(**verdicts: str) -> list[Answer]:
    """`ana_1="accept"`: what Ana says of task 1."""
    told = []
    for who, verdict in verdicts.items():
        annotator, name = who.split("_")
        values: dict[str, Any] = {"verdict": verdict}
        told.append(Answer(f"{name}-{annotator}", name, annotator, "submitted", values, NINE, NINE))
    return told


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    return tmp_path / "store"


def test_without_a_store_nobody_agreed_and_nothing_is_to_come(home: Path) -> None:
    assert agreement_of(SETTINGS) == []
    assert decided(SETTINGS).cost is None
    assert not home.exists()


def test_agreement_has_its_interval_and_open_tasks_their_price(home: Path) -> None:
    engine = open_store()
    names = [str(number) for number in range(1, 8)]
    reserve_tasks(engine, [task(name) for name in names], SETTINGS)
    same = {f"{who}_{name}": ("accept", "reject")[int(name) % 2] for who in ("ana", "ben") for name in names[:5]}
    told = answers(**same, ana_6="accept", ben_6="reject", ana_7="accept")
    with locked(engine, "assay", "USD") as lock:
        keep_answers(lock.connection, "assay", dict.fromkeys(names, "crowd"), told)
    book_responses(engine, told, SETTINGS)
    engine.dispose()
    (verdict,) = [one for one in agreement_of(SETTINGS) if one.question == "verdict"]
    assert (verdict.tier, verdict.kind, verdict.tasks) == ("crowd", "record", 6)
    assert verdict.alpha is not None
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.low <= verdict.alpha <= verdict.high < 1.0001
    assert 0.5 < verdict.alpha < 1
    cost = decided(SETTINGS).cost
    assert cost is not None
    assert cost.forecast is not None
    assert (cost.spent, cost.forecast.responses, cost.forecast.amount) == (2600, 1, 200)
