"""Routing: which tier answers a task by declared rules, and which tasks several people answer."""

import hashlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import orjson

from schemas.decision import TaskKind
from schemas.settings import AnnotationSettings, RuleSettings

ADJUDICATION = "-adjudication"
"""How a dataset's name ends whose tasks are asked again because people disagreed."""


class Facts(NamedTuple):
    """What rules ask about. What is null was not measured, and meets no demand."""

    kind: TaskKind
    domain: str | None
    reasons: tuple[str, ...]  # "family.check"
    source: str | None
    n_tokens: int | None
    quality: float | None
    difficulty: float | None = None


class Route(NamedTuple):
    tier: str
    rule: str  # which rule decided, for a person


def route(facts: Facts, rules: Sequence[RuleSettings]) -> Route:
    """The tier of the first rule that holds. The settings see to it that the last one always does."""
    number, rule = next((number, rule) for number, rule in enumerate(rules, start=1) if _holds(rule, facts))
    return Route(rule.tier, f"rule {number}: {_told(rule)}")


def _holds(rule: RuleSettings, facts: Facts) -> bool:
    return (
        (not rule.domains or facts.domain in rule.domains)
        and (not rule.reasons or any(fnmatchcase(found, said) for found in facts.reasons for said in rule.reasons))
        and (not rule.kinds or facts.kind.value in rule.kinds)
        and (not rule.sources or any(fnmatchcase(facts.source or "", said) for said in rule.sources))
        and (rule.min_reasons is None or len(facts.reasons) >= rule.min_reasons)
        and (rule.min_tokens is None or (facts.n_tokens is not None and facts.n_tokens >= rule.min_tokens))
        and (rule.max_quality is None or (facts.quality is not None and facts.quality <= rule.max_quality))
        and (rule.min_difficulty is None or (facts.difficulty is not None and facts.difficulty >= rule.min_difficulty))
    )


def difficulty(metadata: str | None) -> float | None:
    """The number that a record's own metadata (JSON) calls its `difficulty`; null where that is none.

    >>> difficulty('{"difficulty": 4}'), difficulty('{"difficulty": "hard"}')
    (4.0, None)
    """
    try:
        content = orjson.loads(metadata or "null")
    except orjson.JSONDecodeError:
        return None
    said = content.get("difficulty") if isinstance(content, dict) else None
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else None


def _told(rule: RuleSettings) -> str:
    said = rule.model_dump(exclude={"tier"}, exclude_defaults=True)
    demands = (
        f"{name} {', '.join(value) if isinstance(value, tuple | list) else value}" for name, value in said.items()
    )
    # Commas inside a demand, semicolons between demands.
    return "; ".join(demands) or "everything else"


def share_of(subject: str, *, seed: int, purpose: str) -> float:
    """A number in [0, 1) that is drawn for `subject` alone: other rows of the data do not move it."""
    digest = hashlib.sha256(f"{seed}:{purpose}:{subject}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def can_overlap(tier: str, settings: AnnotationSettings) -> bool:
    """Whether tasks of this tier may be given to several people: asked for, and enough people to answer.

    A tier that names no annotators is taken to have enough.
    """
    people = len(settings.tiers[tier].annotators)
    return settings.overlap.share > 0 and (not people or people >= settings.overlap.annotators)


def overlaps(subject: str, tier: str, settings: AnnotationSettings, *, seed: int) -> bool:
    """Whether this task is in the sample that several people answer."""
    return can_overlap(tier, settings) and share_of(subject, seed=seed, purpose="overlap") < settings.overlap.share


def gold_people(tier: str, settings: AnnotationSettings) -> int:
    """How many people answer a gold record: all that the tier names; where it names none, as many as overlap."""
    named = len(set(settings.tiers[tier].annotators))
    return named or (settings.overlap.annotators if can_overlap(tier, settings) else 1)


def dataset_of(project: str, kind: TaskKind, *, overlap: bool = False, adjudicates: bool = False) -> str:
    """The dataset's name in its tier's workspace."""
    suffix = ADJUDICATION if adjudicates else "-overlap" if overlap else ""
    return f"{project}-{kind.value}{suffix}"


def dataset_for(kind: TaskKind, people: int, tier: str, settings: AnnotationSettings) -> str:
    """The name of the dataset whose records so many people of the tier answer: Argilla has one number a dataset."""
    name = dataset_of(settings.project, kind, overlap=people > 1)
    sampled = can_overlap(tier, settings) and people == settings.overlap.annotators
    return name if people == 1 or sampled else f"{name}-{people}"
