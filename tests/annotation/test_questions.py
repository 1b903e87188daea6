"""What is asked, and what the answers mean."""

import re
from typing import Any

import pytest

from annotation.asking import questions as asked
from annotation.asking.questions import ANSWERS, dataset_spec, guidelines, verdict_of
from annotation.asking.tasks import chosen_field, task_id
from schemas.decision import DEMANDS, REASONS, VERDICTS, TaskKind, Verdict
from schemas.settings import AnnotationSettings

KINDS = list(TaskKind)


def spec(kind: TaskKind, **given: Any) -> asked.DatasetSpec:
    return dataset_spec(kind, AnnotationSettings.model_validate(given), min_submitted=3, dimensions=384)


def test_a_record_is_asked_all_that_the_decision_needs() -> None:
    record = spec(TaskKind.RECORD)
    by_name = {question.name: question for question in record.questions}
    assert set(by_name) == {"verdict", "corrected", "reasons", *DEMANDS, "domain", "comment"}
    assert [question.name for question in record.questions if question.required] == ["verdict"]
    assert list(by_name["verdict"].options) == [verdict.value for verdict in VERDICTS[TaskKind.RECORD]]
    assert by_name["reasons"].options == REASONS
    assert list(by_name["domain"].options) == ["medical", "legal", "finance", "code", "general"]
    assert {name: list(by_name[name].options) for name in DEMANDS} == {
        name: ["1", "2", "3", "4", "5"] for name in DEMANDS
    }
    assert (record.min_submitted, record.dimensions) == (3, 384)


def test_a_pair_and_a_preference_are_asked_less() -> None:
    assert [question.name for question in spec(TaskKind.PAIR).questions] == ["verdict", "comment"]
    preference = spec(TaskKind.PREFERENCE)
    assert [(question.name, question.required) for question in preference.questions] == [
        ("verdict", True),
        ("ranking", True),
        ("reasons", False),
        ("comment", False),
    ]
    assert list(preference.questions[1].options) == list(ANSWERS)


def test_who_annotates_cannot_see_what_would_give_gold_away() -> None:
    for kind in KINDS:
        assert [filter_.name for filter_ in spec(kind).metadata if filter_.visible] == ["domain"]


def test_without_domains_nobody_is_asked_for_one() -> None:
    own = spec(TaskKind.RECORD, domains={})
    assert "domain" not in [question.name for question in own.questions]


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_texts_are_such_as_argilla_takes(kind: TaskKind) -> None:
    made = spec(kind)
    for item in (*made.fields, *made.questions, *made.metadata):
        assert re.fullmatch(r"[a-z0-9_-]+", item.name), item
        assert 0 < len(item.title) <= 500
    for question in made.questions:
        assert len(question.description or "") <= 1000
        assert question.type == "text" or len(question.options) >= 2
    assert any(field.required for field in made.fields)
    assert len({item.name for item in (*made.fields, *made.questions)}) == len(made.fields) + len(made.questions)


@pytest.mark.parametrize("kind", KINDS)
def test_the_guidelines_explain_every_verdict_and_stay_short(kind: TaskKind) -> None:
    text = guidelines(kind)
    for label in spec(kind).questions[0].options.values():
        assert f"**{label.split(':')[0]}**" in text
    for said in ("discard", "Suggestions may be wrong", "privacy", "Enter", "In doubt", "minute"):
        assert said.casefold() in text.casefold()
    assert len(text.split()) < 750


def test_a_records_verdict_is_what_was_said() -> None:
    def said(**answers: Any) -> Verdict | None:
        return verdict_of(TaskKind.RECORD, answers, chosen=ANSWERS[0])

    assert said(verdict="accept") == Verdict.ACCEPT
    assert said(verdict="reject", corrected="x") == Verdict.REJECT
    assert said(verdict="fix", corrected="Better.") == Verdict.FIX
    assert said(verdict="fix", corrected=" ") is None
    assert said(verdict="fix") is None
    assert said(verdict="same") is None
    assert said() is None


def test_a_pairs_verdict_is_what_was_said() -> None:
    assert verdict_of(TaskKind.PAIR, {"verdict": "same"}, chosen=ANSWERS[0]) == Verdict.SAME
    assert verdict_of(TaskKind.PAIR, {"verdict": "accept"}, chosen=ANSWERS[0]) is None


def ranking(a: int, b: int) -> list[dict[str, Any]]:
    return [{"value": "answer_a", "rank": a}, {"value": "answer_b", "rank": b}]


@pytest.mark.parametrize(
    ("ranked", "chosen", "verdict"),
    [
        (ranking(1, 2), "answer_a", Verdict.ACCEPT),
        (ranking(1, 2), "answer_b", Verdict.FIX),
        (ranking(2, 1), "answer_a", Verdict.FIX),
        (ranking(2, 1), "answer_b", Verdict.ACCEPT),
        (ranking(1, 1), "answer_a", Verdict.REJECT),
        (ranking(1, 2)[:1], "answer_a", None),
        (["answer_a", "answer_b"], "answer_a", None),
        (None, "answer_a", None),
    ],
)
def test_a_preferences_verdict_is_found_by_the_ranking(ranked: Any, chosen: str, verdict: Verdict | None) -> None:
    assert verdict_of(TaskKind.PREFERENCE, {"verdict": "accept", "ranking": ranked}, chosen=chosen) == verdict
    assert verdict_of(TaskKind.PREFERENCE, {"verdict": "reject", "ranking": ranked}, chosen=chosen) == Verdict.REJECT


def test_the_preferred_answer_stands_first_as_often_as_not() -> None:
    ids = [task_id("assay", TaskKind.PREFERENCE, str(number)) for number in range(1000)]
    first = sum(chosen_field(one) == ANSWERS[0] for one in ids)
    assert 450 < first < 550


def test_a_tasks_id_tells_apart_what_is_asked_and_nothing_more() -> None:
    ids = {
        task_id(project, kind, subject, gold=gold, adjudicates=adjudicates)
        for project in ("a", "b")
        for kind in KINDS
        for subject in ("x", "y")
        for gold in (False, True)
        for adjudicates in (False, True)
    }
    assert len(ids) == 2 * 3 * 2 * 2 * 2
    assert all(re.fullmatch(r"t[0-9a-f]{32}", one) for one in ids)
