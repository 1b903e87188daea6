"""What people answer is read, kept, paid once and decided; what they cannot decide is asked of others."""

import json
import signal
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from annotation.asking.tasks import Task, chosen_field
from annotation.spending.ledger import Sums
from annotation.store.tables import DECISIONS, ENTRIES, RESPONSES
from schemas.decision import TaskKind
from schemas.settings import BudgetSettings

HOSTILE = "<img src=x onerror=alert(1)>\r\n\u202eright to left\u202c \U0001f9d1\u200d\U0001f680 \u00a0'\"; -- end  "
WHY = "A program doubts that the request is answered."


def test_answers_become_decisions_and_are_paid(either: Any) -> None:
    good, wrong, junk = (either.task(name) for name in ("good", "wrong", "junk"))
    either.push(good, wrong, junk)
    either.say("ana", good, verdict="accept", correct=5, well_formed=4)
    either.say("ana", wrong, verdict="fix", corrected=HOSTILE, comment=HOSTILE, domain="general")
    either.say("ben", junk, verdict="reject", reasons=["other", "wrong"], comment="\0")
    found = either.pull()
    assert (found.read.submitted, found.read.booked, found.read.amount) == (3, 3, 600)
    assert either.money() == Sums(reserved=0, spent=600)
    assert set(either.states().values()) == {"decided"}
    decided = either.decided()
    assert [decided["good"][name] for name in ("verdict", "method", "annotators", "agreement")] == [
        "accept",
        "single",
        1,
        1.0,
    ]
    assert (decided["wrong"]["verdict"], decided["wrong"]["completion"]) == ("fix", HOSTILE)
    assert (decided["wrong"]["comment"], decided["wrong"]["domain"]) == (HOSTILE, None)
    # PostgreSQL's text has no NUL.
    assert (decided["junk"]["reasons"], decided["junk"]["comment"]) == (["wrong", "other"], "\ufffd")
    ratings = {decision.subject: decision.ratings for decision in found.decisions}
    assert ratings["good"] == {"correct": 5.0, "well_formed": 4.0}


def test_pulling_again_changes_nothing(either: Any) -> None:
    task = either.task("one")
    either.push(task, either.task("other"))
    either.say("ana", task, verdict="accept")
    first, again = either.pull(), either.pull()
    assert (first.read.new, first.read.booked, len(first.decisions), first.waiting) == (1, 1, 1, 1)
    assert (again.read.new, again.read.changed, again.read.booked, again.decisions, again.waiting) == (0, 0, 0, (), 1)
    assert either.money() == Sums(reserved=200, spent=200)
    assert either.count(DECISIONS) == 1


def test_drafts_and_discards_are_kept_apart_and_cost_nothing(desk: Any) -> None:
    started, thrown, both = (desk.task(name) for name in ("started", "thrown", "both"))
    desk.push(started, thrown, both)
    desk.say("ana", started, "draft", verdict="accept")
    desk.say("ana", thrown, "discarded")
    desk.say("ana", both, "discarded")
    desk.say("ben", both, verdict="accept")
    found = desk.pull()
    assert (found.read.submitted, found.read.drafts, found.read.discarded) == (1, 1, 2)
    assert found.all_discarded == (thrown.task_id,)
    assert desk.decided().keys() == {"both"}
    assert desk.money() == Sums(reserved=400, spent=200)
    assert desk.count(RESPONSES) == 4
    assert desk.states()[thrown.task_id] == "pushed"


def test_an_answer_that_is_changed_later_changes_the_decision_and_is_paid_once(desk: Any) -> None:
    task = desk.task("one")
    desk.push(task)
    first = desk.say("ana", task, verdict="accept")
    desk.pull()
    assert desk.say("ana", task, verdict="fix", corrected="Better.") == first
    found = desk.pull()
    assert (found.read.changed, found.read.booked) == (1, 0)
    assert [decision.verdict for decision in found.decisions] == ["fix"]
    assert (desk.decided()["one"]["verdict"], desk.decided()["one"]["completion"]) == ("fix", "Better.")
    assert desk.money() == Sums(reserved=0, spent=200)
    assert desk.count(DECISIONS) == 2  # nothing that was decided is forgotten


def test_several_people_decide_by_vote(desk: Any) -> None:
    task = desk.task("one", overlap=3)
    desk.push(task)
    desk.say("ana", task, verdict="fix", corrected="Mine.", reasons=["wrong"], correct=2)
    desk.say("ben", task, verdict="fix", corrected="Ours.", reasons=["form"], correct=3)
    assert desk.pull().waiting == 1
    desk.say("owner", task, verdict="fix", corrected="Ours.", comment="agreed")
    found = desk.pull()
    (decision,) = found.decisions
    assert (decision.verdict, decision.completion, decision.reasons) == ("fix", "Ours.", ("wrong", "form"))
    assert (decision.method, decision.annotators, decision.agreement) == ("majority", 3, 1.0)
    assert (decision.comment, decision.ratings) == ("agreed", {"correct": 2.5})
    assert found.wrote == {"one": "2 of 3 wrote the same text"}
    assert found.strangers == (("crowd", "owner"),)
    assert desk.money() == Sums(reserved=0, spent=600)


def test_a_tie_goes_to_an_expert_who_sees_what_was_said_but_not_by_whom(desk: Any) -> None:
    task = desk.task("one", overlap=2)
    desk.push(task)
    desk.say("ana", task, verdict="accept", comment="fine by me")
    desk.say("ben", task, verdict="fix", corrected="<b>Better</b>", reasons=["wrong"])
    found = desk.pull()
    (escalated,) = found.escalated
    assert (escalated.subject, escalated.why, escalated.tier, escalated.fate) == ("one", "tie", "expert", "asked")
    assert desk.decided() == {}
    assert desk.states()[task.task_id] == "escalated"
    assert desk.money() == Sums(reserved=5000, spent=400)
    again = desk.adjudicated(task)
    shown = desk.records(again)[again.task_id]
    assert shown["fields"]["prompt"] == task.fields["prompt"]
    assert shown["fields"]["completion"] == task.fields["completion"]
    told = shown["fields"]["why"]
    assert "fine by me" in told
    assert "Wrong or made up" in told
    assert "\\<b\\>Better" in told  # shown as text, never rendered
    assert told.endswith(WHY)
    assert "ana" not in told
    assert "ben" not in told
    assert [suggestion["value"] for suggestion in shown["suggestions"]] == ["<b>Better</b>"]
    assert desk.pull().escalated == found.escalated  # asked once
    assert desk.money() == Sums(reserved=5000, spent=400)
    desk.say("eva", again, verdict="fix", corrected="Best.")
    (decision,) = desk.pull().decisions
    assert (decision.verdict, decision.completion, decision.method) == ("fix", "Best.", "adjudication")
    assert desk.money() == Sums(reserved=0, spent=5400)
    assert set(desk.states().values()) == {"decided"}
    assert desk.pull().decisions == ()


def test_who_agrees_after_all_needs_no_expert(desk: Any) -> None:
    task = desk.task("one", overlap=2)
    desk.push(task)
    desk.say("ana", task, verdict="accept")
    desk.say("ben", task, verdict="reject")
    desk.pull()
    desk.say("ben", task, verdict="accept")
    found = desk.pull()
    assert [decision.verdict for decision in found.decisions] == ["accept"]
    assert found.released == 5000
    assert desk.records(desk.adjudicated(task)) == {}
    assert desk.money() == Sums(reserved=0, spent=400)
    desk.say("ana", task, verdict="reject")  # and yet again
    assert [one.fate for one in desk.pull().escalated] == ["asked"]
    assert desk.money() == Sums(reserved=5000, spent=400)
    desk.say("eva", desk.adjudicated(task), verdict="reject")
    assert [decision.verdict for decision in desk.pull().decisions] == ["reject"]
    assert desk.money() == Sums(reserved=0, spent=5400)


def test_a_record_that_is_gone_cannot_be_adjudicated_and_that_is_said(desk: Any) -> None:
    task = desk.task("one", overlap=2)
    desk.push(task)
    desk.say("ana", task, verdict="accept")
    desk.say("ben", task, verdict="reject")
    poor = desk.settings.model_copy(update={"budget": BudgetSettings(total=Decimal(5))})
    rich, desk.settings = desk.settings, poor
    assert [one.fate for one in desk.pull().escalated] == ["over budget"]
    desk.settings = rich
    dataset = desk.client.find_dataset("crowd", task.dataset)
    assert dataset is not None
    desk.client.withdraw(dataset, [task.task_id])
    assert [one.fate for one in desk.pull().escalated] == ["lost"]
    assert desk.money() == Sums(reserved=0, spent=400)


def test_a_fix_without_a_corrected_response_decides_nothing(desk: Any) -> None:
    task = desk.task("one")
    desk.push(task)
    desk.say("ana", task, verdict="fix", corrected="   ")
    (escalated,) = desk.pull().escalated
    assert (escalated.why, escalated.fate) == ("fix without a corrected response", "asked")
    again = desk.adjudicated(task)
    desk.say("eva", again, verdict="fix")
    (escalated,) = desk.pull().escalated
    assert (escalated.task_id, escalated.fate) == (again.task_id, "undecided again")
    desk.say("eva", again, verdict="fix", corrected="So.")
    assert [decision.completion for decision in desk.pull().decisions] == ["So."]


def test_without_money_for_adjudication_it_is_said_and_tried_again(desk: Any) -> None:
    tasks = [desk.task(name) for name in ("one", "two")]
    desk.push(*tasks)
    for task in tasks:
        desk.say("ana", task, verdict="fix")
    rich = desk.settings
    desk.settings = rich.model_copy(update={"budget": BudgetSettings(total=Decimal(60))})
    found = desk.pull()
    assert [one.fate for one in found.escalated] == ["asked", "over budget"]
    assert "annotation.budget.total" in str(found.escalated[1].detail)
    assert desk.money() == Sums(reserved=5000, spent=400)
    desk.settings = rich
    assert [one.fate for one in desk.pull().escalated] == ["asked", "asked"]
    assert desk.money() == Sums(reserved=10000, spent=400)


def test_without_an_adjudication_tier_a_tie_stays_undecided(desk: Any) -> None:
    desk.settings = desk.settings.model_copy(update={"adjudication": None})
    task = desk.task("one", overlap=2)
    desk.push(task)
    desk.say("ana", task, verdict="accept")
    desk.say("ben", task, verdict="reject")
    (escalated,) = desk.pull().escalated
    assert (escalated.why, escalated.fate) == ("tie", "nobody")
    assert desk.decided() == {}


def test_a_corrected_domain_goes_where_the_rules_send_it(desk: Any) -> None:
    medical, general = desk.task("medical"), desk.task("general", domain="code")
    desk.push(medical, general)
    desk.say("ana", medical, verdict="accept", domain="medical")
    desk.say("ana", general, verdict="accept", domain="general")
    found = desk.pull()
    (escalated,) = found.escalated
    assert (escalated.subject, escalated.tier) == ("medical", "expert")
    assert escalated.why == "its domain is medical, which is for expert"
    assert desk.decided()["general"]["domain"] == "general"  # to people who cost less nothing goes
    desk.say("eva", desk.adjudicated(medical), verdict="accept", domain="medical")
    desk.pull()
    assert desk.decided()["medical"]["domain"] == "medical"


def test_gold_decides_nothing_and_names_who_fails_it(desk: Any) -> None:
    gold = [desk.task(f"gold-{number}", gold="reject", task_id=f"gold-{number}") for number in range(5)]
    desk.push(*gold, desk.task("real"))
    for number, task in enumerate(gold):
        desk.say("ana", task, verdict="reject")
        desk.say("ben", task, verdict="reject" if number < 2 else "accept")
    found = desk.pull()
    assert found.failing == ("ben",)
    assert found.gold.select("worker", "accuracy").rows() == [("ana", 1.0), ("ben", 0.4)]
    assert desk.decided() == {}
    assert desk.money().spent == 10 * 200
    assert (found.read.amount, found.read.overdrawn) == (2000, 1000)  # each asked for one answer and got two
    assert found.waiting == 1


def test_of_several_corrections_that_of_whoever_is_most_often_right(desk: Any) -> None:
    gold = [desk.task(f"gold-{number}", overlap=2, gold="reject", task_id=f"gold-{number}") for number in range(5)]
    task = desk.task("real", overlap=2)
    desk.push(*gold, task)
    for one in gold:
        desk.say("ana", one, verdict="accept")
        desk.say("ben", one, verdict="reject")
    desk.say("ana", task, verdict="fix", corrected="First.")
    desk.say("ben", task, verdict="fix", corrected="Second.")
    found = desk.pull()
    assert desk.decided()["real"]["completion"] == "Second."
    assert found.wrote == {"real": "of 2 different texts that of ben, who is right on 100% of the gold records"}
    verdict = next(one for one in found.agreement if (one.tier, one.question) == ("crowd", "verdict"))
    assert (verdict.alpha.tasks, verdict.cohen.tasks) == (6, 6)
    assert verdict.alpha.value is not None
    assert verdict.alpha.value < 0


def test_pairs_and_preferences(desk: Any) -> None:
    pair = desk.task("a:b", TaskKind.PAIR)
    right, swapped, equal = (desk.task(name, TaskKind.PREFERENCE) for name in ("right", "swapped", "equal"))
    desk.push(pair, right, swapped, equal)
    desk.say("ana", pair, verdict="same")

    def ranked(task: Task, preferred: int, other: int) -> list[dict[str, Any]]:
        chosen = chosen_field(task.task_id)
        return [{"value": name, "rank": preferred if name == chosen else other} for name in ("answer_a", "answer_b")]

    desk.say("ana", right, verdict="accept", ranking=ranked(right, 1, 2))
    desk.say("ana", swapped, verdict="accept", ranking=ranked(swapped, 2, 1))
    desk.say("ana", equal, verdict="accept", ranking=ranked(equal, 1, 1))
    desk.pull()
    assert {subject: (row["kind"], row["verdict"]) for subject, row in desk.decided().items()} == {
        "a:b": ("pair", "same"),
        "right": ("preference", "accept"),
        "swapped": ("preference", "fix"),
        "equal": ("preference", "reject"),
    }


def test_a_preference_is_adjudicated_with_the_answers_where_they_were(desk: Any) -> None:
    tasks = [desk.task(f"one-{number}", TaskKind.PREFERENCE, overlap=2) for number in range(3)]
    desk.push(*tasks)
    for task in tasks:
        for who, best in (("ana", 1), ("ben", 2)):
            ranking = [{"value": "answer_a", "rank": best}, {"value": "answer_b", "rank": 3 - best}]
            desk.say(who, task, verdict="accept", ranking=ranking)
    desk.pull()
    for task in tasks:
        again = desk.adjudicated(task)
        shown = desk.records(again)[again.task_id]["fields"]
        assert (shown["answer_a"], shown["answer_b"]) == ("This.", "That.")
        chosen = chosen_field(task.task_id)
        ranking = [{"value": name, "rank": 1 if name == chosen else 2} for name in ("answer_a", "answer_b")]
        desk.say("eva", again, verdict="accept", ranking=ranking)
    desk.pull()
    assert {row["verdict"] for row in desk.decided().values()} == {"accept"}


def test_what_the_server_has_lost_is_told_and_nothing_is_taken_back(desk: Any) -> None:
    kept, lost, pair = desk.task("kept"), desk.task("lost"), desk.task("a:b", TaskKind.PAIR)
    desk.push(kept, lost, pair)
    desk.say("ana", kept, verdict="accept")
    desk.pull()
    dataset = desk.client.find_dataset("crowd", kept.dataset)
    other = desk.client.find_dataset("crowd", pair.dataset)
    assert dataset is not None
    assert other is not None
    desk.client.withdraw(dataset, [kept.task_id, lost.task_id])
    desk.rest("owner", "DELETE", f"datasets/{other.id}")
    found = desk.pull()
    assert found.read.missing_datasets == (f"crowd/{pair.dataset}",)
    assert set(found.read.missing_tasks) == {lost.task_id, pair.task_id}
    assert desk.decided().keys() == {"kept"}
    assert desk.money() == Sums(reserved=400, spent=200)


def test_records_that_nobody_gave_out_are_counted_and_left_alone(desk: Any) -> None:
    task = desk.task("one")
    desk.push(task)
    dataset = desk.client.find_dataset("crowd", task.dataset)
    assert dataset is not None
    stranger = task._replace(task_id="by-hand", fields={"prompt": "Mine?", "why": "by hand"})
    list(desk.client.upsert(dataset, [stranger]))
    desk.say("ana", stranger, verdict="accept")
    found = desk.pull()
    assert (found.read.strange_records, found.read.submitted) == (1, 0)
    assert desk.money() == Sums(reserved=200, spent=0)


def test_a_project_without_tasks(desk: Any) -> None:
    found = desk.pull()
    assert (found.read.tasks, found.decisions, found.escalated) == (0, (), ())
    assert desk.decided() == {}


# Six pages' worth of the first.
MANY = 300
PULL = """
import json, sys
from annotation.exchange.client import Client
from annotation.store.database import open_store
from annotation.exchange.pull import pull
from schemas.settings import AnnotationSettings
order = json.load(sys.stdin)
settings = AnnotationSettings.model_validate(order["settings"])
with Client(order["url"], order["key"]) as client:
    pull(client=client, engine=open_store(), settings=settings)
"""


@pytest.mark.slow
def test_a_pull_killed_half_way_is_finished_by_the_next(either: Any) -> None:
    tasks = [either.task(f"t{number}") for number in range(MANY)]
    either.push(*tasks)
    records = either.records(tasks[0])
    items = [
        {"record_id": record["id"], "status": "submitted", "values": {"verdict": {"value": "accept"}}}
        for record in records.values()
    ]
    for start in range(0, MANY, 50):
        either.rest("ana", "POST", "me/responses/bulk", {"items": items[start : start + 50]})
    order = {
        "url": either.argilla.url,
        "key": either.argilla.api_key,
        "settings": either.settings.model_dump(mode="json"),
    }
    process = subprocess.Popen([sys.executable, "-c", PULL], stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    with process.stdin as stdin:
        json.dump(order, stdin)
    while not either.count(RESPONSES) and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    booked = either.count(ENTRIES, ENTRIES.c.kind == "book")
    assert 0 < booked < MANY  # the first page
    assert either.count(RESPONSES) == booked  # what is kept is paid
    assert either.decided() == {}
    either.pull()
    assert either.count(ENTRIES, ENTRIES.c.kind == "book") == MANY
    assert either.money() == Sums(reserved=0, spent=MANY * 200)
    assert len(either.decided()) == MANY
    assert either.count(DECISIONS) == MANY
