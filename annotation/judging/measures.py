"""How far people agree, question by question and tier by tier."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import polars as pl

from annotation.judging.agreement import Alpha, Kappa, alpha, cohen, fleiss
from annotation.judging.deciding import ANSWERS, SEED, Opinions
from annotation.judging.said import Said
from annotation.store.asked import Asked
from schemas.decision import DEMANDS


class Measured(NamedTuple):
    """Of all tasks of a kind that two people or more of a tier answered."""

    tier: str
    kind: str
    question: str  # verdict, or a demand
    alpha: Alpha  # of verdicts nominal, of ratings ordinal
    fleiss: Kappa
    cohen: Kappa


def measures(tasks: Sequence[Asked], opinions: Opinions) -> tuple[Measured, ...]:
    """Sorted by tier and kind, in the order of the questions; only questions that somebody answered."""
    found: list[Measured] = []
    for tier, kind in sorted({(task.tier, task.kind) for task in tasks}):
        mine = [task.task_id for task in tasks if (task.tier, task.kind) == (tier, kind)]
        shared = [one for task_id in mine if len(opinions.get(task_id, ())) > 1 for one in opinions[task_id]]
        for question in ("verdict", *DEMANDS):
            answers = _answers(shared, question)
            if not answers.is_empty():
                found.append(_measured(tier, kind, question, answers))
    return tuple(found)


def _measured(tier: str, kind: str, question: str, answers: pl.DataFrame) -> Measured:
    level: Literal["nominal", "ordinal"] = "nominal" if question == "verdict" else "ordinal"
    return Measured(tier, kind, question, alpha(answers, level=level, seed=SEED), fleiss(answers), cohen(answers))


def _answers(opinions: Iterable[Said], question: str) -> pl.DataFrame:
    rows = [
        (one.annotator, one.task_id, str(label))
        for one in opinions
        if (label := one.verdict if question == "verdict" else one.ratings.get(question)) is not None
    ]
    return pl.DataFrame(rows, schema=ANSWERS, orient="row")
