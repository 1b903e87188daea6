"""Answers that are taken back, people who are renamed, records that cannot be read: a pull copes, and says so."""

import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from annotation.asking.tasks import Suggestion
from annotation.exchange import collecting
from annotation.exchange.client import Client
from annotation.server.finding import folder_of
from annotation.spending.ledger import Sums
from annotation.store.database import reading
from annotation.store.tables import DECISIONS, ENTRIES, RESPONSES
from pipelines._people_lines import pulled_lines
from schemas.decision import TaskKind
from schemas.settings import BudgetSettings

LOST_HALF = {"verdict": {"value": "accept"}, "comment": {"value": "half an emoji: \ud83d"}}


def verdicts(desk: Any) -> dict[str, str]:
    return {subject: row["verdict"] for subject, row in desk.decided().items()}


def written(desk: Any) -> list[str]:
    """Every line about the project's decisions, oldest first."""
    with reading(desk.store) as connection:
        lines = sa.select(DECISIONS.c.verdict).where(DECISIONS.c.project == desk.settings.project)
        return list(connection.execute(lines.order_by(DECISIONS.c.id)).scalars())


def hire(desk: Any, tier: str = "crowd") -> str:
    """Somebody new, who may answer in this tier."""
    name = f"u{uuid4().hex[:8]}"
    desk.argilla.accounts[name] = desk.client.ensure_user(name)
    assert desk.client.ensure_members(tier, [name]) == []
    return name


def spoil(desk: Any, response: str) -> None:
    """Half an emoji, as an older server took it from a client that cuts texts after so many bytes."""
    place = folder_of(desk.argilla.home) / "argilla.db"
    with closing(sqlite3.connect(place, timeout=30)) as connection, connection:
        done = connection.execute(
            'UPDATE responses SET "values" = ? WHERE id = ?', (json.dumps(LOST_HALF), response.replace("-", ""))
        )
        assert done.rowcount == 1


@pytest.mark.parametrize("status", ["discarded", "draft"])
def test_who_takes_an_answer_back_takes_the_decision_back(either: Any, status: str) -> None:
    task = either.task("one")
    either.push(task)
    either.say("ana", task, verdict="accept")
    either.pull()
    either.say("ana", task, status, verdict="accept")
    found = either.pull()
    assert [(one.subject, one.verdict) for one in found.retracted] == [("one", "accept")]
    assert (verdicts(either), found.decisions, found.waiting) == ({}, (), 1)
    assert either.states()[task.task_id] == "pushed"
    # Her work is paid, and whoever answers now is too.
    assert either.money() == Sums(reserved=200, spent=200)
    assert found.again.amount == 200
    assert "taken back  one: nobody stands by accept" in "\n".join(pulled_lines(found, either.settings))
    again = either.pull()
    assert (again.retracted, again.again.amount, either.money()) == ((), 0, Sums(reserved=200, spent=200))
    either.say("ben", task, verdict="reject")
    assert [one.verdict for one in either.pull().decisions] == ["reject"]
    assert either.money() == Sums(reserved=0, spent=400)
    assert written(either) == ["accept", "withdrawn", "reject"]


def test_who_answers_again_after_all_is_not_paid_again(desk: Any) -> None:
    task = desk.task("one")
    desk.push(task)
    for status in ("submitted", "discarded", "submitted"):
        desk.say("ana", task, status, verdict="accept")
        desk.pull()
    assert verdicts(desk) == {"one": "accept"}
    assert desk.money() == Sums(reserved=0, spent=200)
    assert written(desk) == ["accept", "withdrawn", "accept"]


def test_of_several_answers_one_is_taken_back(desk: Any) -> None:
    task = desk.task("one", overlap=2)
    desk.push(task)
    desk.say("ana", task, verdict="accept")
    desk.say("ben", task, verdict="accept")
    desk.pull()
    desk.say("ana", task, "discarded")
    desk.say("ben", task, verdict="reject")
    found = desk.pull()
    assert (verdicts(desk), found.waiting, found.again.amount) == ({}, 1, 200)
    assert desk.money() == Sums(reserved=200, spent=400)
    desk.say("owner", task, verdict="reject")
    desk.pull()
    assert verdicts(desk) == {"one": "reject"}
    assert desk.money() == Sums(reserved=0, spent=600)


def test_an_adjudicator_takes_back_what_they_settled(desk: Any) -> None:
    task = desk.task("one", overlap=2)
    desk.push(task)
    desk.say("ana", task, verdict="accept")
    desk.say("ben", task, verdict="reject")
    desk.pull()
    again = desk.adjudicated(task)
    desk.say("eva", again, verdict="reject")
    desk.pull()
    desk.say("eva", again, "discarded")
    found = desk.pull()
    assert [one.verdict for one in found.retracted] == ["reject"]
    assert [(one.why, one.fate) for one in found.escalated] == [("tie", "asked")]
    assert (verdicts(desk), desk.states()[again.task_id]) == ({}, "pushed")
    assert desk.money() == Sums(reserved=5000, spent=5400)


def test_an_answer_that_decides_nothing_in_place_of_one_that_did(desk: Any) -> None:
    task = desk.task("one")
    desk.push(task)
    desk.say("ana", task, verdict="accept")
    desk.pull()
    desk.say("ana", task, verdict="fix")
    found = desk.pull()
    assert [(one.verdict, verdicts(desk)) for one in found.retracted] == [("accept", {})]
    assert [one.why for one in found.escalated] == ["fix without a corrected response"]


def test_without_money_for_another_answer_that_is_said_and_tried_again(desk: Any) -> None:
    task = desk.task("one")
    desk.push(task)
    desk.say("ana", task, verdict="accept")
    desk.pull()
    desk.say("ana", task, "discarded")
    rich = desk.settings
    desk.settings = rich.model_copy(update={"budget": BudgetSettings(total=Decimal(3))})
    found = desk.pull()
    assert (verdicts(desk), desk.money()) == ({}, Sums(reserved=0, spent=200))
    lines = "\n".join(pulled_lines(found, desk.settings))
    assert "over budget task" in lines
    assert "leaves $1.00, and it needs $2.00: raise annotation.budget.total" in lines
    desk.settings = rich
    assert desk.pull().again.amount == 200
    assert desk.money() == Sums(reserved=200, spent=200)


@pytest.mark.long
def test_who_is_renamed_keeps_the_name_they_were_paid_under(either: Any) -> None:
    who, task = hire(either), either.task("one", overlap=2)
    either.push(task)
    either.say(who, task, verdict="accept")
    either.pull()
    ids = {user["username"]: user["id"] for user in either.rest("owner", "GET", "users")["items"]}
    either.rest("owner", "PATCH", f"users/{ids[who]}", {"username": f"{who}-married"})
    either.client = Client(either.argilla.url, either.argilla.api_key)
    found = either.pull()
    assert (found.read.new, found.read.booked, either.money().spent) == (0, 0, 200)
    either.say(who, task, verdict="reject")  # by the same key
    # Somebody else gets the name that is free now.
    other = either.client.ensure_user(who)
    either.client.ensure_members("crowd", [who])
    either.argilla.accounts["other"] = other
    either.client = Client(either.argilla.url, either.argilla.api_key)
    either.say("other", task, verdict="reject")
    found = either.pull()
    assert (found.read.changed, found.read.new, found.read.booked) == (1, 1, 1)
    assert (verdicts(either), either.money()) == ({"one": "reject"}, Sums(reserved=0, spent=400))
    assert either.count(RESPONSES, RESPONSES.c.annotator == who) == 1


@pytest.mark.long
def test_who_is_no_member_any_more_is_known_by_the_answer(desk: Any) -> None:
    """An admin sees only who is in the workspace; of all others the server tells a number."""
    who, task, chief = hire(desk), desk.task("one", overlap=2), f"a{uuid4().hex[:8]}"
    account = desk.client.ensure_user(chief, role="admin")
    desk.client.ensure_members("crowd", [chief])
    desk.push(task)
    desk.say(who, task, verdict="accept")
    desk.client = Client(desk.argilla.url, account.api_key)
    desk.pull()
    ids = {user["username"]: user["id"] for user in desk.rest("owner", "GET", "users")["items"]}
    desk.rest("owner", "DELETE", f"workspaces/{desk.client.workspaces()['crowd']}/users/{ids[who]}")
    desk.client = Client(desk.argilla.url, account.api_key)
    found = desk.pull()
    assert (found.read.new, found.read.changed, found.read.booked) == (0, 0, 0)
    assert desk.count(ENTRIES, ENTRIES.c.annotator == who, ENTRIES.c.kind == "book") == 1


def test_an_answer_that_cannot_be_read_costs_no_other(desk: Any) -> None:
    tasks = [desk.task(f"t{number:03}") for number in range(70)]
    desk.push(*tasks)
    spoilt = (tasks[13], tasks[14], tasks[60])
    said = [tasks[12], tasks[15], tasks[69]]
    for task in said:
        desk.say("ben", task, verdict="accept")
    for response in [desk.say("ana", task, verdict="accept") for task in spoilt]:
        spoil(desk, response)
    found = desk.pull()
    assert found.read.unreadable.keys() == {task.task_id for task in spoilt}
    assert (found.read.tasks, found.read.submitted, found.read.missing_tasks) == (70, 3, ())
    assert verdicts(desk) == {task.subject: "accept" for task in said}
    lines = [line for line in pulled_lines(found, desk.settings) if line.startswith("unreadable")]
    assert len(lines) == 3
    assert spoilt[0].task_id in lines[0]
    assert "surrogates not allowed" in lines[0]
    # The remedy that it names.
    dataset = desk.client.find_dataset("crowd", tasks[0].dataset)
    assert desk.client.withdraw(dataset, {spoilt[0].task_id}, answered=False) == {spoilt[0].task_id}
    assert desk.client.withdraw(dataset, {task.task_id for task in spoilt}) == set()
    assert desk.pull().read.unreadable == {}
    assert desk.client.external_ids(dataset) == {task.task_id for task in tasks} - {task.task_id for task in spoilt}


def test_what_is_kept_is_paid_or_neither(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    task = desk.task("one")
    desk.push(task)
    desk.say("ana", task, verdict="accept")

    def cut_short(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(collecting, "book_in", cut_short)
        with pytest.raises(KeyboardInterrupt):
            desk.pull()
    assert (desk.count(RESPONSES), desk.money()) == (0, Sums(reserved=200, spent=0))
    desk.pull()
    assert (desk.count(RESPONSES), desk.money()) == (1, Sums(reserved=0, spent=200))


def test_an_adjudicator_who_answers_in_the_last_moment_is_heard(desk: Any) -> None:
    task = desk.task("one", overlap=2)
    desk.push(task)
    desk.say("ana", task, verdict="accept")
    desk.say("ben", task, verdict="reject")
    desk.pull()
    desk.say("ben", task, verdict="accept")
    again = desk.adjudicated(task)
    heard: list[str] = []

    def answer_once_it_was_read(line: str) -> None:
        if line.startswith("expert/") and not heard:
            heard.append(desk.say("eva", again, verdict="reject"))

    found = desk.pull(progress=answer_once_it_was_read)
    assert (len(heard), found.released, verdicts(desk)) == (1, 0, {"one": "accept"})
    assert desk.states()[again.task_id] == "pushed"
    found = desk.pull()
    assert (found.read.booked, found.read.overdrawn, verdicts(desk)) == (1, 0, {"one": "reject"})
    assert desk.money() == Sums(reserved=0, spent=5400)


@pytest.mark.long
def test_a_domain_that_is_new_in_the_settings_stops_nobody(desk: Any) -> None:
    one, other, third = (desk.task(name, overlap=2) for name in ("one", "other", "third"))
    desk.push(one, other)
    for task in (one, other):
        desk.say("ana", task, verdict="accept")
    desk.say("ben", one, verdict="reject")
    assert [escalated.fate for escalated in desk.pull().escalated] == ["asked"]
    desk.say("ben", other, verdict="reject")
    new = {**desk.settings.domains, "chemistry": "acids and bases; reactions"}
    desk.settings = desk.settings.model_copy(update={"domains": new})
    # It can be no suggestion in a dataset that is older than it.
    desk.push(third._replace(domain="chemistry", suggestions=(Suggestion("domain", "chemistry", 0.9, "domains"),)))
    assert desk.records(third)[third.task_id]["suggestions"] == []
    assert [escalated.fate for escalated in desk.pull().escalated] == ["asked", "asked"]
    assert desk.adjudicated(other).task_id in desk.records(desk.adjudicated(other))


def test_an_escalation_that_cannot_be_made_is_told_and_stops_no_other(desk: Any) -> None:
    record, pair = desk.task("one", overlap=2), desk.task("a:b", TaskKind.PAIR, overlap=2)
    desk.push(record, pair)
    desk.say("ana", record, verdict="accept")
    desk.say("ben", record, verdict="reject")
    desk.say("ana", pair, verdict="same")
    desk.say("ben", pair, verdict="different")
    # Somebody made a dataset of that name by hand, for two people.
    taken = desk.adjudicated(record)._replace(task_id="by-hand", min_submitted=2)
    elsewhere, desk.settings = desk.settings, desk.settings.model_copy(update={"project": f"q{uuid4().hex[:8]}"})
    desk.push(taken)
    desk.settings = elsewhere
    found = desk.pull()
    assert {one.subject: one.fate for one in found.escalated} == {"one": "failed", "a:b": "asked"}
    told = next(line for line in pulled_lines(found, desk.settings) if line.startswith("escalated   one"))
    assert "asks 2 people each, not 1" in told
    assert desk.money() == Sums(reserved=5000, spent=800)


def test_agreement_is_told_with_the_coefficients_that_there_are(desk: Any) -> None:
    tasks = [desk.task(f"t{number}", overlap=2) for number in range(4)]
    desk.push(*tasks)
    for number, task in enumerate(tasks):
        desk.say("ana", task, verdict="accept" if number < 2 else "reject", correct=5)
        desk.say("ben", task, verdict="accept" if number < 3 else "reject", correct=4 if number else 5)
    lines = [line for line in pulled_lines(desk.pull(), desk.settings) if line.startswith("agreement")]
    assert "crowd, record, verdict: alpha 0.53" in lines[0]
    assert lines[0].endswith("on 4 tasks; Cohen's kappa 0.50; Fleiss' kappa 0.47")
    assert "kappa" in lines[1]  # of the ratings
