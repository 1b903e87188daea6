"""Hints: what the annotator finds filled in, each with who says so and how sure that is."""

import re
from collections.abc import Sequence
from typing import Any

from annotation.asking import questions as asked
from annotation.asking._repairs import repair
from annotation.asking.domains import Domain
from annotation.asking.tasks import Suggestion
from schemas.decision import Verdict
from schemas.record import Kind

# What a failing check says of the whole record, where a corrected answer seldom is the way out.
REJECTED_FOR = (
    "refusal.full",
    "formatting.nothing_answered",
    "formatting.absent_media",
    "length.repeats_itself",
    "structure.ends_without_answer",
    "structure.tool_arguments_not_json",
    "safety.private_key",
    "safety.api_key",
    "safety.json_web_token",
)
ORIGINAL = "original"
"""The agent of a corrected answer that is the answer as it came, put there to be edited."""

# What Argilla takes as the name of an agent (AGENT_REGEX, 200 characters).
_NOT_IN_AGENTS = re.compile(r"[^a-zA-Z0-9\-_:./\s]+")


def of_record(row: dict[str, Any], domain: Domain | None, *, prompted: bool) -> tuple[Suggestion, ...]:
    """Of a record: a verdict where the findings or a repair speak for one, the answer to edit, the domain.

    Unless `prompted` there is no verdict and no repair. No score but the domain's was measured, so none is given.
    """
    reasons = tuple(row["reasons"]) if prompted else ()
    repaired = repair(_editable(row) or "", [*reasons, *row["notes"]]) if prompted else None
    fixed = repaired.mended if repaired else ()
    hints = []
    if reasons and set(reasons) <= set(fixed):
        hints.append(Suggestion(asked.VERDICT, Verdict.FIX.value, None, agent(reasons[0])))
    else:
        hints += _rejection(reasons)
    if (text := _editable(row)) is not None:
        given = (repaired.text, fixed[0]) if repaired else (text, ORIGINAL)
        hints.append(Suggestion(asked.CORRECTED, given[0], None, agent(given[1])))
    return (*hints, *_domain(domain))


def of_preference(row: dict[str, Any]) -> tuple[Suggestion, ...]:
    """Of a preference: a verdict where a finding speaks against the pair. Which answer is better is left to people."""
    return tuple(_rejection(tuple(row["reasons"])))


def of_pair(similarity: float | None, model: str) -> tuple[Suggestion, ...]:
    """Of a pair: that they are the same, as sure as their prompts are alike."""
    score = None if similarity is None else min(max(similarity, 0.0), 1.0)
    return (Suggestion(asked.VERDICT, Verdict.SAME.value, score, agent(model)),)


def agent(name: str) -> str:
    """`name` as Argilla takes the name of an agent."""
    told = _NOT_IN_AGENTS.sub("-", name)[:200]
    return told if re.search(r"[a-zA-Z0-9]", told) else "assay"


def _rejection(reasons: tuple[str, ...]) -> list[Suggestion]:
    against = next((reason for reason in reasons if reason in REJECTED_FOR), None)
    return [Suggestion(asked.VERDICT, Verdict.REJECT.value, None, agent(against))] if against else []


def _editable(row: dict[str, Any]) -> str | None:
    """The last answer as raw text, as it would be released; null where a corrected one has no place."""
    turns: Sequence[dict[str, Any]] = row["messages"] or ()
    if row["kind"] == Kind.PREFERENCE or not turns or turns[-1]["role"] != "assistant" or turns[-1]["tool_calls"]:
        return None
    return turns[-1]["content"] or None


def _domain(domain: Domain | None) -> tuple[Suggestion, ...]:
    if domain is None:
        return ()
    score = None if domain.similarity is None else min(max(domain.similarity, 0.0), 1.0)
    return (Suggestion(asked.DOMAIN, domain.name, score, agent(domain.agent)),)
