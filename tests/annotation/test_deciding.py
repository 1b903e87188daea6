"""What answers come to: votes, corrections, domains, and why some decide nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from annotation.exchange.responses import Answer
from annotation.judging.deciding import Result, correction, results
from annotation.judging.said import Said, said
from annotation.store.asked import Asked
from schemas.settings import AnnotationSettings

SETTINGS = AnnotationSettings()
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def asked(name: str, **given: Any) -> Asked:
    sensible = {
        "task_id": name,
        "kind": "record",
        "subject": name,
        "record_id": name,
        "twin_id": None,
        "tier": "crowd",
        "dataset": "assay-record",
        "min_submitted": 1,
        "adjudicates": False,
        "gold": None,
        "domain": "general",
        "reasons": (),
        "run_id": None,
        "state": "pushed",
        "created_at": NOON,
    }
    return Asked(**sensible | given)


def answer(task: Asked, who: str, minute: int = 0, **answers: Any) -> Said:
    at = NOON + timedelta(minutes=minute)
    return said("assay", task, Answer(f"{task.task_id}-{who}", task.task_id, who, "submitted", answers, at, at))


def come_to(*tasks: tuple[Asked, list[Said]]) -> dict[str, Result]:
    opinions = {task.task_id: given for task, given in tasks}
    found = results([task for task, _ in tasks], opinions, SETTINGS, lambda task, domain: None)
    return {result.task.task_id: result for result in found}


def test_the_greater_part_decides_and_the_others_reasons_are_not_its_own() -> None:
    task = asked("one", min_submitted=3)
    given = [
        answer(task, "ana", verdict="reject", reasons=["form"], comment="ugly"),
        answer(task, "ben", verdict="accept", comment="fine"),
        answer(task, "eva", verdict="reject", reasons=["wrong", "form"], comment="ugly"),
    ]
    decision = come_to((task, given))["one"].decision
    assert decision is not None
    assert (decision.verdict, decision.reasons, decision.comment) == ("reject", ("wrong", "form"), "ugly")
    assert (decision.method, decision.annotators) == ("majority", 3)
    assert decision.agreement == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("verdicts", "why"),
    [(["accept", "reject"], "tie"), (["accept", "accept", "reject", "fix"], "low agreement")],
)
def test_what_people_do_not_agree_on_is_not_decided(verdicts: list[str], why: str) -> None:
    task = asked("one", min_submitted=len(verdicts))
    given = [answer(task, f"w{n}", verdict=said, corrected="x") for n, said in enumerate(verdicts)]
    result = come_to((task, given))["one"]
    assert (result.decision, result.why) == (None, why)


def test_too_few_answers_are_no_result() -> None:
    task = asked("one", min_submitted=2)
    assert come_to((task, [answer(task, "ana", verdict="accept")])) == {}


def test_a_fix_without_text_counts_as_a_head_but_not_as_a_fix() -> None:
    task = asked("one", min_submitted=3)
    empty = [answer(task, "ana", verdict="fix"), answer(task, "ben", verdict="fix", corrected=" ")]
    outvoted = come_to((task, [*empty, answer(task, "eva", verdict="fix", corrected="So.")]))["one"]
    assert outvoted.why == "fix without a corrected response"
    third = asked("two", min_submitted=3)
    others = [answer(third, who, verdict="accept") for who in ("ana", "ben")]
    accepted = come_to((third, [*others, answer(third, "eva", verdict="fix")]))["two"].decision
    assert accepted is not None
    assert (accepted.verdict, accepted.annotators) == ("accept", 3)


@pytest.mark.parametrize("junk", [None, "maybe", 5, ["accept"], {"a": 1}])
def test_an_answer_that_the_form_cannot_give_decides_nothing(junk: Any) -> None:
    task = asked("one")
    given = answer(task, "ana", verdict=junk, reasons="wrong", correct="5", comment=7, domain=[])
    assert (given.verdict, given.comment, given.domain, given.ratings) == ("undecided", None, None, {})
    assert come_to((task, [given]))["one"].decision is None


def test_of_several_corrections_the_most_written_then_the_best_writers_then_the_first() -> None:
    task = asked("one", min_submitted=3)

    def fixes(*texts: str) -> list[Said]:
        return [answer(task, f"w{n}", n, verdict="fix", corrected=text) for n, text in enumerate(texts)]

    assert correction([], {}) == (None, None)
    assert correction(fixes("A"), {}) == ("A", None)
    assert correction(fixes("A", "A"), {}) == ("A", None)
    assert correction(fixes("A", "B", "B"), {"w0": 1.0}) == ("B", "2 of 3 wrote the same text")
    assert correction(fixes("A", "B", "C"), {"w1": 0.9, "w2": 0.5}) == (
        "B",
        "of 3 different texts that of w1, who is right on 90% of the gold records",
    )
    assert correction(fixes("B", "A"), {}) == ("B", "of 2 different texts that of w0, who wrote first")
    assert correction(fixes("B", "A"), {"w0": 0.8, "w1": 0.8})[0] == "B"
    assert correction(fixes("A", "B", "B", "C", "C"), {"w0": 1.0, "w3": 0.9})[0] == "C"


def test_a_domain_is_corrected_by_more_than_half() -> None:
    one, two = asked("one", min_submitted=2), asked("two", min_submitted=2, domain="code")
    split = [answer(one, "ana", verdict="accept", domain="code"), answer(one, "ben", verdict="accept")]
    both = [answer(two, who, verdict="accept", domain="general") for who in ("ana", "ben")]
    found = come_to((one, split), (two, both))
    decided = {name: result.decision.domain for name, result in found.items() if result.decision}
    assert decided == {"one": None, "two": "general"}


def test_votes_weigh_what_gold_says_of_those_who_cast_them() -> None:
    gold = [asked(f"gold-{n}", gold="reject", min_submitted=3) for n in range(12)]
    known = [
        (
            one,
            [
                answer(one, "good", verdict="reject"),
                answer(one, "bad", verdict="accept" if n % 4 else "reject"),
                answer(one, "worse", verdict="fix" if n % 3 else "reject", corrected="x"),
            ],
        )
        for n, one in enumerate(gold)
    ]
    task = asked("one", min_submitted=3)
    cast = [
        answer(task, "good", verdict="reject"),
        answer(task, "bad", verdict="accept"),
        answer(task, "worse", verdict="fix", corrected="x"),
    ]
    result = come_to(*known, (task, cast))
    assert result.keys() == {"one"}  # gold itself is no result
    # By weight it would be reject; a third of the heads is too few all the same.
    assert result["one"].why == "low agreement"


def test_whoever_adjudicates_is_not_counted_with_the_others() -> None:
    task = asked("one", min_submitted=2)
    again = asked("again", subject="one", tier="expert", dataset="assay-record-adjudication", adjudicates=True)
    found = come_to(
        (task, [answer(task, "ana", verdict="accept"), answer(task, "ben", verdict="reject")]),
        (again, [answer(again, "eva", verdict="reject")]),
    )
    assert found["one"].why == "tie"
    decision = found["again"].decision
    assert decision is not None
    assert (decision.subject, decision.verdict, decision.method) == ("one", "reject", "adjudication")
