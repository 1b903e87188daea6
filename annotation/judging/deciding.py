"""From what people said to what is decided, or to why somebody else must look.

A vote decides (annotation/judging/consensus.py); of those who voted for the verdict come its reasons, its comments and
its corrected text. Everybody who rated counts for the ratings. Gold tasks measure people and decide nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from annotation.asking.domains import GENERAL
from annotation.judging.consensus import Consensus, consensus, decided
from annotation.judging.gold_answers import annotators_on_gold
from annotation.judging.said import UNDECIDED, Said
from annotation.store.asked import Asked
from annotation.store.decisions import Decision
from schemas.decision import DEMANDS, REASONS, TaskKind, Verdict
from schemas.settings import AnnotationSettings

TierOf = Callable[[Asked, str], str | None]
"""The tier that must see a task whose domain is another; null where its own may decide it."""

Opinions = Mapping[str, Sequence[Said]]
"""task_id -> what was submitted of it, in the order in which it was said."""

NOTHING_SAID = {
    TaskKind.RECORD: "fix without a corrected response",
    TaskKind.PAIR: "no verdict",
    TaskKind.PREFERENCE: "no ranking",
}
"""Why an answer that was submitted decides nothing."""
SEED = 42
ANSWERS = pl.Schema({"worker": pl.String(), "task": pl.String(), "label": pl.String()})


class Result(NamedTuple):
    """What a task with enough answers comes to: either a decision, or why it is none."""

    task: Asked
    decision: Decision | None
    why: str | None  # tie, low agreement, NOTHING_SAID, or where a corrected domain belongs
    belongs: str | None  # the tier that a corrected domain is for; null where that is not why
    wrote: str | None  # whose corrected response was taken, and why; null where there was no choice


def verdicts(tasks: Sequence[Asked], opinions: Opinions) -> pl.DataFrame:
    """Worker, task and label of every verdict on these tasks."""
    rows = [(one.annotator, one.task_id, one.verdict) for task in tasks for one in opinions.get(task.task_id, ())]
    return pl.DataFrame(rows, schema=ANSWERS, orient="row")


def accuracies(tasks: Sequence[Asked], opinions: Opinions, settings: AnnotationSettings) -> pl.DataFrame:
    """Everyone's answers to gold tasks: see gold_answers.annotators_on_gold."""
    return annotators_on_gold(
        verdicts(tasks, opinions),
        gold_labels(tasks),
        min_accuracy=settings.gold.min_accuracy,
        min_answers=settings.gold.min_answers,
    )


def gold_labels(tasks: Sequence[Asked]) -> pl.DataFrame:
    """Task and gold, of the tasks whose verdict is known."""
    rows = [(task.task_id, task.gold) for task in tasks if task.gold is not None]
    return pl.DataFrame(rows, schema={"task": pl.String, "gold": pl.String}, orient="row")


def results(
    tasks: Sequence[Asked],
    opinions: Opinions,
    settings: AnnotationSettings,
    tier_of: TierOf,
) -> list[Result]:
    """What the tasks with enough answers come to, in their order.

    Adjudicators' tasks are counted by themselves, so that one expert is not outvoted.
    """
    measured = accuracies(tasks, opinions, settings).filter(pl.col("verdict") != "too few")
    skill = dict(measured.select("worker", "accuracy").iter_rows())
    found: list[Result] = []
    for kind in TaskKind:
        for adjudicates in (False, True):
            some = [task for task in tasks if task.kind == kind and task.adjudicates == adjudicates]
            found += _results(some, opinions, settings, tier_of, skill)
    order = {task.task_id: number for number, task in enumerate(tasks)}
    return sorted(found, key=lambda result: order[result.task.task_id])


def _results(
    tasks: Sequence[Asked],
    opinions: Opinions,
    settings: AnnotationSettings,
    tier_of: TierOf,
    skill: Mapping[str, float],
) -> list[Result]:
    votes = verdicts(tasks, opinions)
    if votes.is_empty():
        return []
    voted = _consensus(votes, gold_labels(tasks))
    rows = {row["task"]: row for row in decided(voted.labels, min_share=settings.min_agreement).iter_rows(named=True)}
    return [
        _result(task, rows[task.task_id], opinions[task.task_id], tier_of, skill)
        for task in tasks
        if task.gold is None and task.task_id in rows and len(opinions[task.task_id]) >= task.min_submitted
    ]


def _consensus(votes: pl.DataFrame, gold: pl.DataFrame) -> Consensus:
    """The one place where the method is chosen."""
    return consensus(votes, gold=None if gold.is_empty() else gold, seed=SEED)


def _result(
    task: Asked,
    row: Mapping[str, Any],
    opinions: Sequence[Said],
    tier_of: TierOf,
    skill: Mapping[str, float],
) -> Result:
    if row["escalate"]:
        return Result(task, None, row["why"], None, None)
    verdict = row["label"]
    if verdict == UNDECIDED:
        return Result(task, None, NOTHING_SAID[TaskKind(task.kind)], None, None)
    for_it = [one for one in opinions if one.verdict == verdict]
    is_text = verdict == Verdict.FIX and task.kind == TaskKind.RECORD
    completion, wrote = correction(for_it, skill) if is_text else (None, None)
    domain = corrected_domain(task, opinions)
    tier = None if domain is None or task.adjudicates else tier_of(task, domain)
    if tier is not None:
        return Result(task, None, f"its domain is {domain}, which is for {tier}", tier, None)
    decision = Decision(
        subject=task.subject,
        kind=task.kind,
        verdict=verdict,
        completion=completion,
        reasons=tuple(name for name in REASONS if any(name in one.reasons for one in for_it)),
        comment=_comment(for_it),
        domain=domain,
        ratings=_ratings(opinions),
        annotators=row["answers"],
        method="adjudication" if task.adjudicates else row["method"],
        agreement=row["share"],
    )
    return Result(task, decision, None, None, wrote)


def correction(fixes: Sequence[Said], skill: Mapping[str, float]) -> tuple[str | None, str | None]:
    """The corrected response to take, and why that one where there were several.

    The text that most wrote; else that of whoever is most often right on gold; else the first. Null where
    nobody wrote one.
    """
    written = [one for one in fixes if one.completion is not None]
    texts = Counter(one.completion for one in written)
    if not texts:
        return None, None
    (best, votes), *others = texts.most_common()
    if not others:
        return best, None
    if votes > others[0][1]:
        return best, f"{votes} of {len(written)} wrote the same text"
    most = [text for text, count in texts.items() if count == votes]
    among = [one for one in written if one.completion in most]
    first = max(among, key=lambda one: (skill.get(one.annotator) or 0.0, -among.index(one)))
    known = skill.get(first.annotator)
    return first.completion, (
        f"of {len(texts)} different texts that of {first.annotator}, "
        + ("who wrote first" if known is None else f"who is right on {known:.0%} of the gold records")
    )


def corrected_domain(task: Asked, opinions: Sequence[Said]) -> str | None:
    """The domain that more than half of all who answered say instead of the task's; null where they do not."""
    (domain, votes), *_ = Counter(one.domain for one in opinions).most_common() or [(None, 0)]
    return domain if domain is not None and domain != (task.domain or GENERAL) and 2 * votes > len(opinions) else None


def _comment(opinions: Sequence[Said]) -> str | None:
    """What they remarked, each remark once, in the order in which it was made."""
    return "\n".join(dict.fromkeys(one.comment for one in opinions if one.comment)) or None


def _ratings(opinions: Sequence[Said]) -> dict[str, float]:
    marks = {demand: [one.ratings[demand] for one in opinions if demand in one.ratings] for demand in DEMANDS}
    return {demand: sum(given) / len(given) for demand, given in marks.items() if given}
