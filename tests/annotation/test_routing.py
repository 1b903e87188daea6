"""Who sees what."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.asking.routing import Facts, can_overlap, dataset_of, overlaps, route, share_of
from schemas.decision import TaskKind
from schemas.settings import AnnotationSettings

PLAIN = Facts(TaskKind.RECORD, "general", ("refusal.full",), "a/b/faq.jsonl", 120, 0.6)


def settings(**given: Any) -> AnnotationSettings:
    tiers = {"crowd": {"price": 2}, "expert": {"price": 50}, "lawyers": {"price": 90}}
    return AnnotationSettings.model_validate({"tiers": tiers, "rules": [{"tier": "crowd"}], **given})


def tier(facts: Facts, *rules: dict[str, Any]) -> str:
    return route(facts, settings(rules=[*rules, {"tier": "crowd"}]).rules).tier


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ({"domains": ["legal", "code"]}, PLAIN._replace(domain="code")),
        ({"reasons": ["safety.api_key"]}, PLAIN._replace(reasons=("refusal.full", "safety.api_key"))),
        ({"reasons": ["safety.*"]}, PLAIN._replace(reasons=("safety.private_key",))),
        ({"kinds": ["pair"]}, PLAIN._replace(kind=TaskKind.PAIR)),
        ({"sources": ["*/legal/*.jsonl"]}, PLAIN._replace(source="in/legal/deeds.jsonl")),
        ({"min_reasons": 2}, PLAIN._replace(reasons=("refusal.full", "language.mixed"))),
        ({"min_tokens": 1000}, PLAIN._replace(n_tokens=1000)),
        ({"max_quality": 0.3}, PLAIN._replace(quality=0.3)),
        ({"min_difficulty": 0}, PLAIN._replace(difficulty=0.0)),
        ({"min_difficulty": 4}, PLAIN._replace(difficulty=4.5)),
        ({"domains": ["code"], "min_tokens": 100}, PLAIN._replace(domain="code")),
    ],
)
def test_a_rule_takes_what_it_names_and_nothing_else(rule: dict[str, Any], facts: Facts) -> None:
    assert tier(facts, {"tier": "expert", **rule}) == "expert"
    assert tier(PLAIN, {"tier": "expert", **rule}) == "crowd"


def test_all_that_a_rule_says_must_hold() -> None:
    rule = {"tier": "expert", "domains": ["code"], "min_tokens": 1000}
    assert tier(PLAIN._replace(domain="code"), rule) == "crowd"


def test_the_first_rule_that_holds_decides() -> None:
    rules = ({"tier": "lawyers", "domains": ["legal"]}, {"tier": "expert", "domains": ["legal", "medical"]})
    assert tier(PLAIN._replace(domain="legal"), *rules) == "lawyers"
    assert tier(PLAIN._replace(domain="medical"), *rules) == "expert"


def test_what_was_not_measured_meets_no_demand() -> None:
    unknown = Facts(TaskKind.RECORD, None, (), None, None, None)
    hard = {"min_difficulty": -1e9}
    for rule in ({"min_tokens": 1}, {"max_quality": 1.0}, {"domains": ["code"]}, {"min_reasons": 1}, hard):
        assert tier(unknown, {"tier": "expert", **rule}) == "crowd"


def test_why_a_tier_was_chosen_is_told() -> None:
    rules = settings(rules=[{"tier": "expert", "domains": ["code", "legal"], "max_quality": 0.4}, {"tier": "crowd"}])
    told = [route(PLAIN._replace(domain=name, quality=0.1), rules.rules).rule for name in ("code", "general")]
    assert told == ["rule 1: domains code, legal; max_quality 0.4", "rule 2: everything else"]


def test_the_overlap_sample_has_its_share_and_stays_when_rows_are_added() -> None:
    some = settings(overlap={"share": 0.2})
    subjects = [f"{number:064x}" for number in range(2000)]
    sample = {subject for subject in subjects if overlaps(subject, "crowd", some, seed=42)}
    assert 0.17 < len(sample) / 2000 < 0.23
    assert {s for s in subjects[:500] if overlaps(s, "crowd", some, seed=42)} == sample & set(subjects[:500])
    assert {subject for subject in subjects if overlaps(subject, "crowd", some, seed=43)} != sample
    more = settings(overlap={"share": 0.3})
    assert all(overlaps(subject, "crowd", more, seed=42) for subject in sample)


def test_a_tier_with_too_few_people_has_no_overlap() -> None:
    tiers = {"crowd": {"price": 2, "annotators": ["a", "b", "c"]}, "expert": {"price": 50, "annotators": ["e"]}}
    some = settings(tiers={**tiers, "open": {"price": 1}}, overlap={"share": 1.0, "annotators": 3})
    assert [name for name in some.tiers if can_overlap(name, some)] == ["crowd", "open"]


@given(st.text(max_size=20), st.integers(0, 5))
def test_a_share_is_a_share(subject: str, seed: int) -> None:
    assert 0 <= share_of(subject, seed=seed, purpose="overlap") < 1


def test_datasets_are_named_by_project_kind_and_use() -> None:
    assert dataset_of("faq", TaskKind.RECORD) == "faq-record"
    assert dataset_of("faq", TaskKind.PAIR, overlap=True) == "faq-pair-overlap"
    assert dataset_of("faq", TaskKind.PREFERENCE, adjudicates=True) == "faq-preference-adjudication"
