"""What gold answers tell of a person: how often they are right, how sure that is, and what their vote weighs."""

from typing import NamedTuple

import numpy as np
import polars as pl

from annotation.judging._votes import Answers, one_each
from annotation.judging.wilson import wilson
from schemas.errors import UsageError

# Two-sided 95 %.
Z = 1.96
# A person's accuracy is drawn towards everybody's as if they had given this many answers more; fewer answers
# than five say nothing about a person (settings: gold.min_answers).
PRIOR_ANSWERS = 5
# Weights stay finite where everybody is always right.
SURE = 0.99


class Gold(NamedTuple):
    """`frame` has task and gold, one line a task, sorted by task."""

    frame: pl.DataFrame
    contradictory: list[str]  # tasks left out because their gold contradicts itself, sorted


def gold_of(answers: pl.DataFrame) -> Gold:
    """The known labels in a frame with task and gold; a null is not known, and no column is none known."""
    if "gold" not in answers.columns:
        return Gold(pl.DataFrame(schema={"task": pl.String, "gold": pl.String}), [])
    said = answers.select(pl.col("task", "gold").cast(pl.String)).drop_nulls().unique()
    odd = said.filter(pl.col("task").is_duplicated())["task"].unique().sort()
    return Gold(said.filter(~pl.col("task").is_duplicated()).sort("task"), odd.to_list())


def annotators_on_gold(
    answers: pl.DataFrame | Answers, gold: pl.DataFrame, *, min_accuracy: float, min_answers: int
) -> pl.DataFrame:
    """Everyone against gold: worker, answers, right, accuracy, low, high, verdict; sorted by worker.

    `answers` counts gold tasks only; accuracy is null without any. low and high are Wilson's 95 % interval
    (1927, JASA 22). Verdicts:
      too few       fewer than `min_answers`: nothing is said of this person
      passes        accuracy is `min_accuracy` or more
      below         it is less, but so few answers may be bad luck: look at them together
      surely below  even the upper end of the interval is less
    One in forty who are just good enough comes out surely below by chance; look before anyone is told.
    """
    frame = _with_right(one_each(answers).frame, gold)
    per = frame.group_by("worker").agg(
        answers=pl.col("right").count().cast(pl.Int64), right=pl.col("right").sum().cast(pl.Int64)
    )
    share, n = pl.col("accuracy"), pl.col("answers")
    low, high = wilson(share, n, Z)
    known = per.with_columns(accuracy=pl.when(n > 0).then(pl.col("right") / n))
    known = known.with_columns(low=low.clip(0, 1), high=high.clip(0, 1))
    verdict = (
        pl.when(n < max(min_answers, 1))
        .then(pl.lit("too few"))
        .when(share >= min_accuracy)
        .then(pl.lit("passes"))
        .when(pl.col("high") < min_accuracy)
        .then(pl.lit("surely below"))
        .otherwise(pl.lit("below"))
    )
    return known.with_columns(verdict=verdict).sort("worker")


def weights_from_gold(answers: pl.DataFrame | Answers, gold: pl.DataFrame) -> pl.DataFrame:
    """What each vote weighs: worker, answers (on gold), accuracy (drawn towards everybody's), weight.

    The weight is the log odds of being right against any one wrong label, which is optimal where people err
    independently (Nitzan & Paroush 1982, International Economic Review 23); 0 for one no better than chance.
    Sorted by worker. Raises UsageError where nobody answered a gold task.
    """
    frame = _with_right(one_each(answers).frame, gold)
    if frame["right"].count() == 0:
        raise UsageError("nobody answered a task whose gold is known, so votes cannot be weighted; add gold or drop it")
    everybody = (frame["right"].sum() + 1) / (frame["right"].count() + 2)
    per = frame.group_by("worker").agg(
        answers=pl.col("right").count().cast(pl.Int64),
        accuracy=(pl.col("right").sum() + PRIOR_ANSWERS * everybody) / (pl.col("right").count() + PRIOR_ANSWERS),
    )
    return per.with_columns(weight=log_odds(pl.col("accuracy"), labels_in(frame, gold))).sort("worker")


def weighed_without_itself(answers: pl.DataFrame | Answers, gold: pl.DataFrame) -> pl.DataFrame:
    """Each answer with its `weight`, in which its own task's gold has no part: nothing grades itself.

    Columns worker, task, label, weight; sorted by task and worker. On tasks without gold the weight is that of
    `weights_from_gold`.
    """
    frame = _with_right(one_each(answers).frame, gold)
    right, known = pl.col("right").fill_null(False).cast(pl.Float64), pl.col("right").is_not_null().cast(pl.Float64)
    others = (right.sum() - right.sum().over("task") + 1) / (known.sum() - known.sum().over("task") + 2)
    accuracy = (right.sum().over("worker") - right + PRIOR_ANSWERS * others) / (
        known.sum().over("worker") - known + PRIOR_ANSWERS
    )
    return frame.select("worker", "task", "label", weight=log_odds(accuracy, labels_in(frame, gold)))


def log_odds(accuracy: pl.Expr, labels: int) -> pl.Expr:
    """Log odds of right against one given wrong label, never negative: who errs always is not an oracle."""
    right = accuracy.clip(1 - SURE, SURE)
    return (right.log() - (1 - right).log() + float(np.log(max(labels - 1, 1)))).clip(0)


def labels_in(frame: pl.DataFrame, gold: pl.DataFrame) -> int:
    """How many labels there are, said or known."""
    return pl.concat([frame["label"], gold["gold"]]).n_unique()


def _with_right(frame: pl.DataFrame, gold: pl.DataFrame) -> pl.DataFrame:
    """`right` is null where gold is not known."""
    known = gold.select(pl.col("task", "gold").cast(pl.String))
    joined = frame.join(known, on="task", how="left", maintain_order="left")
    return joined.with_columns(right=pl.col("label") == pl.col("gold")).drop("gold")
