"""What people cost is told to the cent: whichever way it is broken down, it adds up."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from annotation.asking.tasks import Task
from annotation.exchange.responses import Answer
from annotation.spending.budget import book_responses, release_tasks, reserve_tasks
from annotation.spending.corrections import Corrected, correct
from annotation.spending.cost_report import CostReport
from annotation.spending.costs import cost_lines, costs, shares
from annotation.spending.ledger import About, adjust, append, locked
from annotation.store.asked import keep_answers, set_state
from annotation.store.database import open_store
from annotation.store.decisions import Decision, record_decisions
from annotation.store.tables import ENTRIES
from schemas.decision import TaskKind
from schemas.errors import StoreError, UsageError
from schemas.settings import AnnotationSettings

NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)


def settings(**given: Any) -> AnnotationSettings:
    return AnnotationSettings.model_validate({"tiers": {"crowd": {"price": 2}, "expert": {"price": 50}}, **given})


def make_task(name: str, tier: str = "crowd", answers: int = 1, **given: Any) -> Task:
    """A task about the record of the same name."""
    record = given.get("record", name)
    return Task(
        task_id=name,
        kind=TaskKind.RECORD,
        subject=record,
        record_id=record,
        twin_id=None,
        tier=tier,
        dataset=given.get("dataset", "assay-record"),
        min_submitted=answers,
        domain=None,
        reasons=tuple(given.get("reasons", ("length.short",))),
        gold=given.get("gold"),
        fields={},
        suggestions=(),
        metadata={},
        vector=None,
    )


class Desk(NamedTuple):
    """Somebody who gives out work, hears answers and decides, on a store."""

    engine: Engine

    def ask(self, *tasks: Task, **given: Any) -> None:
        reserve_tasks(self.engine, tasks, settings(**given))

    def hear(self, annotator: str, *task_ids: str, minutes: float = 1.0) -> None:
        """One answer to each, so many minutes apart."""
        told = [self._answer(annotator, name, number * minutes) for number, name in enumerate(task_ids)]
        with locked(self.engine, "assay", "USD") as lock:
            keep_answers(lock.connection, "assay", dict.fromkeys(task_ids, "crowd"), told)
        book_responses(self.engine, told, settings())

    def decide(self, verdict: str, *task_ids: str, kind: str = "record") -> None:
        release_tasks(self.engine, task_ids, settings(), "decided")
        said = [Decision(name, kind, verdict, None, (), None, None, {}, 1, "single", 1.0) for name in task_ids]
        with locked(self.engine, "assay", "USD") as lock:
            record_decisions(lock.connection, "assay", said, lock.at)
            set_state(lock.connection, task_ids, "decided")

    def disagree(self, *task_ids: str) -> None:
        release_tasks(self.engine, task_ids, settings(), "undecided")
        with locked(self.engine, "assay", "USD") as lock:
            set_state(lock.connection, task_ids, "escalated")

    def report(self, records: pl.DataFrame | None = None, **given: Any) -> CostReport:
        return costs(self.engine, settings(**given), records)

    @staticmethod
    def _answer(annotator: str, name: str, minute: float) -> Answer:
        moment = NINE + timedelta(minutes=minute)
        return Answer(f"{name}-{annotator}", name, annotator, "submitted", {}, moment, moment)


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    engine = open_store(database)
    yield Desk(engine)
    engine.dispose()


def test_a_new_project_costs_nothing(desk: Desk) -> None:
    report = desk.report()
    assert (report.spent, report.reserved, report.left, report.per_accepted) == (0, 0, None, None)
    assert report.to_finish.adjudications == 0
    assert cost_lines(report) == [
        "spent       $0.00: project 'assay' gave nothing out yet",
        "left        these settings set no limit; annotation.budget.total does",
    ]


def test_a_tired_engineer_reads_it_at_night(desk: Desk) -> None:
    limited = {"budget": {"total": 200, "month": 100}}
    desk.ask(
        make_task("r1", reasons=["length.short", "refusal.full"]),
        make_task("r2"),
        make_task("r3"),
        make_task("r4", answers=3),
        make_task("known", gold="accept", reasons=[]),
        make_task("r2-again", "expert", record="r2", dataset="assay-record-adjudication"),
    )
    desk.hear("ana", "r1", "r2", "r3", "known", minutes=1.5)
    desk.hear("ben", "r4")
    desk.hear("eva", "r2-again")
    desk.decide("accept", "r1", "known")
    desk.decide("fix", "r2")
    desk.decide("reject", "r3")
    month = datetime.now(UTC).strftime("%Y-%m")
    assert cost_lines(desk.report(**limited)) == [
        "spent       $60.00 for 6 answers, $2.00 of it on gold records, $50.00 of it on adjudication",
        "reserved    $4.00",
        "left        $136.00 of $200.00 (project)",
        f"left        $36.00 of $100.00 (month {month})",
        "accepted    2 records, $30.00 each",
        "to finish   $4.00 reserved for 2 answers on 2 open tasks; nothing like it is decided yet, so disagreement "
        "cannot be foreseen",
        "tier        crowd: $10.00 for 5 answers, $4.00 reserved (at $2.00)",
        "tier        expert: $50.00 for 1 answer, $0.00 reserved (at $50.00)",
        "annotator   eva: $50.00 for 1 answer, estimated 2 min of work",
        "annotator   ana: $8.00 for 4 answers, estimated 6 min of work, $80.00 an hour",
        "annotator   ben: $2.00 for 1 answer, estimated 2 min of work",
        "reason      length.short: $57.00",
        "reason      none: $2.00",
        "reason      refusal.full: $1.00",
    ]


def test_gold_records_and_pairs_are_no_accepted_records(desk: Desk) -> None:
    desk.ask(make_task("r1"), make_task("known", gold="accept"), make_task("a:b"), make_task("r2"))
    desk.decide("accept", "r1", "known")
    desk.decide("same", "a:b", kind="pair")
    assert desk.report().accepted == 1
    desk.decide("reject", "r1")
    desk.decide("fix", "r2")
    assert desk.report().accepted == 1  # the last word counts
    desk.decide("accept", "r1")
    assert desk.report().accepted == 2


def test_what_is_left_is_told_against_each_limit(desk: Desk) -> None:
    tiers = {"crowd": {"price": 2, "budget": 9}, "expert": {"price": 50}}
    desk.ask(make_task("r1"), make_task("r2"))
    desk.hear("ana", "r1")
    report = desk.report(tiers=tiers, budget={"month": 3})
    month = datetime.now(UTC).strftime("%Y-%m")
    assert {one.name: (one.limit, one.left) for one in report.limits} == {
        "project": (None, None),
        f"month {month}": (300, -100),
        "tier crowd": (900, 500),
        "tier expert": (None, None),
    }
    assert report.left is None
    assert f"left        -$1.00 of $3.00 (month {month}); OVER THE LIMIT" in cost_lines(report)


def test_a_tier_that_is_gone_has_still_cost_what_it_cost(desk: Desk) -> None:
    desk.ask(make_task("r1"))
    desk.hear("ana", "r1")
    report = desk.report(tiers={"nurses": {"price": 9}})
    assert [(tier.name, tier.price, tier.spent) for tier in report.tiers] == [("nurses", 900, 0), ("crowd", None, 200)]
    assert any(line.endswith("(no longer in the settings)") for line in cost_lines(report))


def test_what_was_earned_beyond_the_promise_is_told(desk: Desk) -> None:
    desk.ask(make_task("r1"))
    for person in ("ana", "ben", "eva"):
        desk.hear(person, "r1")
    report = desk.report()
    assert (report.spent, report.reserved, report.overdrawn) == (600, 0, 400)
    assert "overdrawn   $4.00 was earned beyond what was reserved for its tasks" in cost_lines(report)


def test_a_correction_counts_for_its_tier_and_person(desk: Desk) -> None:
    desk.ask(make_task("r1"))
    desk.hear("ana", "r1")
    with locked(desk.engine, "assay", "USD") as lock:
        append(lock, [adjust("june", -50, About("crowd", annotator="ana"), "paid by hand")])
    report = desk.report()
    assert (report.spent, report.responses, report.tiers[0].spent, report.annotators[0].spent) == (150, 1, 150, 150)
    assert {reason.name: reason.spent for reason in report.reasons} == {"length.short": 200, None: -50}


def test_corrections_add_up_with_all_the_rest(desk: Desk) -> None:
    people = {"tiers": {"crowd": {"price": 2, "annotators": ["ana", "ben"]}, "expert": {"price": 50}}}
    desk.ask(make_task("r1", reasons=["length.short", "refusal.full"]), make_task("r2"))
    desk.hear("ana", "r1", "r2")

    def correct_it(amount: int, reason: str, **about: str) -> Corrected:
        return correct(desk.engine, amount, reason, settings(**people), **about)

    assert correct_it(-101, "answered twice", task_id="r1", annotator="ana") == Corrected(-101, "crowd", 299)
    assert correct_it(50, "worked on a Sunday", annotator="ben") == Corrected(50, "crowd", 349)
    assert correct_it(1000, "travel", tier="expert") == Corrected(1000, "expert", 1349)
    report = desk.report(**people)
    assert (report.spent, report.corrections, report.responses) == (1349, 949, 2)
    for parts in (report.tiers, report.annotators, report.reasons):
        whole = 349 if parts is report.annotators else 1349
        assert sum(part.spent for part in parts) == whole
    assert {reason.name: reason.spent for reason in report.reasons} == {
        "length.short": 250,
        "refusal.full": 49,
        None: 1050,
    }
    assert "corrected   $9.49 of what is spent, by hand" in cost_lines(report)


def test_a_correction_is_written_once_and_never_changed(desk: Desk) -> None:
    desk.ask(make_task("r1"))
    desk.hear("ana", "r1")
    assert correct(desk.engine, -50, "paid by hand", settings(), task_id="r1").spent == 150
    with pytest.raises(UsageError, match="stands in the ledger already, and nothing was written"):
        correct(desk.engine, -50, "paid by hand", settings(), task_id="r1")
    assert correct(desk.engine, -50, "paid by hand, again", settings(), task_id="r1").spent == 100
    with pytest.raises(IntegrityError), desk.engine.begin() as connection:
        connection.execute(sa.delete(ENTRIES).where(ENTRIES.c.kind == "adjust"))


@pytest.mark.parametrize(
    ("amount", "reason", "about", "why"),
    [
        (0, "x", {"tier": "crowd"}, "an amount other than 0"),
        (5, " ", {"tier": "crowd"}, "a --reason"),
        (5, "x", {}, "which tier does it count for. Name one with --tier: crowd, expert"),
        (5, "x", {"tier": "nurses"}, "no tier is called 'nurses'. Name one with --tier: crowd, expert"),
        (5, "x", {"task_id": "who-knows"}, "no task 'who-knows' was given out"),
        (5, "x", {"task_id": "r1", "tier": "expert"}, "task r1 is of tier 'crowd', not 'expert'"),
        (5, "x", {"tier": "crowd", "annotator": "anna"}, "nobody is called 'anna'"),
        (-201, "x", {"tier": "crowd"}, r"-\$2\.01 is more than the \$2\.00 that tier 'crowd' has cost"),
    ],
)
def test_a_correction_that_means_nothing_is_refused(
    desk: Desk, amount: int, reason: str, about: dict[str, str], why: str
) -> None:
    desk.ask(make_task("r1"))
    desk.hear("ana", "r1")
    with pytest.raises(UsageError, match=why):
        correct(desk.engine, amount, reason, settings(), **about)
    assert desk.report().spent == 200


def test_what_is_to_come_includes_the_disagreement_that_is_usual(desk: Desk) -> None:
    names = [f"r{number}" for number in range(6)]
    desk.ask(*[make_task(name, answers=3) for name in names], make_task("s1"), make_task("s2"))
    for person in ("ana", "ben", "eva"):
        desk.hear(person, *names[:4])
    desk.hear("ana", "s1")
    desk.decide("accept", *names[:3], "s1")
    desk.disagree(names[3])
    # One of four that three people answered was disputed, so half a task of the two that are open will be.
    told = desk.report(budget={"total": 60}).to_finish
    assert (told.tasks, told.responses, told.amount) == (3, 7, 1400)
    assert (told.adjudications, told.adjudication_amount) == (0.5, 2500)
    assert told.short == 2500 - (6000 - 2600 - 1400)
    assert cost_lines(desk.report(budget={"total": 60}))[4] == (
        "to finish   $14.00 reserved for 7 answers on 3 open tasks; about 0.5 more adjudications: $25.00; $5.00 SHORT"
    )


def test_nobody_adjudicates_where_nobody_was_named(desk: Desk) -> None:
    desk.ask(make_task("r1", answers=2), make_task("r2", answers=2))
    desk.hear("ana", "r1")
    desk.hear("ben", "r1")
    desk.disagree("r1")
    told = desk.report(adjudication=None).to_finish
    assert (told.adjudications, told.adjudication_amount) == (1.0, 0)


def test_the_costs_of_one_release_are_those_of_its_records(desk: Desk) -> None:
    desk.ask(make_task("r1"), make_task("r2"), make_task("elsewhere"))
    desk.hear("ana", "r1", "r2", "elsewhere")
    desk.decide("fix", "r1")
    desk.decide("reject", "r2")
    desk.decide("accept", "elsewhere")
    records = pl.DataFrame({"record_id": ["r1-corrected", "r2", "r3"], "original_record_id": ["r1", None, None]})
    report = desk.report(records)
    assert report.release is not None
    assert report.release.model_dump() == {
        "records": 2,
        "spent": 400,
        "reserved": 0,
        "accepted": 1,
        "per_accepted": 400,
    }
    assert cost_lines(report)[-1] == (
        "release     $4.00 spent and $0.00 reserved for 2 of its records; 1 accepted, $4.00 each"
    )


def test_money_is_never_shown_in_another_currency_than_it_was_spent_in(desk: Desk) -> None:
    desk.ask(make_task("r1"))
    with pytest.raises(StoreError, match="keeps its money in USD, not JPY"):
        desk.report(currency="JPY")


def test_a_machine_reads_integers_and_how_to_take_them(desk: Desk) -> None:
    desk.ask(make_task("r1"))
    desk.hear("ana", "r1")
    said = json.loads(desk.report().model_dump_json())
    assert (said["currency"], said["minor_digits"], said["spent"], said["release"]) == ("USD", 2, 200, None)
    assert CostReport.model_validate(said) == desk.report()


def test_long_lists_are_cut_and_their_rest_is_summed(desk: Desk) -> None:
    people = [f"p{number:02}" for number in range(13)]
    desk.ask(*[make_task(person) for person in people])
    for person in people:
        desk.hear(person, person)
    lines = [line for line in cost_lines(desk.report()) if line.startswith("annotator")]
    assert len(lines) == 11
    assert lines[-1] == "annotator   3 more: $6.00"


@given(st.integers(-(10**12), 10**12), st.integers(1, 50))
def test_shares_add_up_and_differ_by_one_cent_at_most(amount: int, parts: int) -> None:
    told = shares(amount, parts)
    assert len(told) == parts
    assert sum(told) == amount
    assert max(told) - min(told) <= 1


def test_every_breakdown_adds_up_to_the_whole(desk: Desk) -> None:
    reasons = [["length.short", "refusal.full", "safety.secret"], ["refusal.full", "refusal.full"], [], ["a.b", "c.d"]]
    tasks = [make_task(f"r{number}", answers=2, reasons=reasons[number % 4]) for number in range(23)]
    desk.ask(*tasks)
    for person in ("ana", "ben"):
        desk.hear(person, *[task.task_id for task in tasks[: 20 if person == "ana" else 11]])
    report = desk.report()
    assert report.spent == 31 * 200
    for parts in (report.tiers, report.annotators, report.reasons):
        assert sum(part.spent for part in parts) == report.spent
    assert sum(tier.reserved for tier in report.tiers) == report.reserved == 15 * 200
    assert sum(one.responses for one in report.annotators) == report.responses == 31
