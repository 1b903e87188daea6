"""What several people say together: by vote, by votes weighed on gold, by Dawid-Skene with a guard.

The guard (annotation/judging/_skene.py): plain Dawid-Skene has more parameters than sparse people give answers, and
then loses to a vote. Ours is shrunk towards the vote, and is used only where it foretells held-out answers
clearly better; no known label has a part in that choice. A tie is told as a tie and never broken.

All tables of labels have, sorted by task:
  task, label (null for a tie), share (of the task's answers that said it; of a tie, that said each of the
  best), answers, confidence (the model's probability; null for a vote), tie, leaders (the labels that tie, or
  the one), method.
"""

import warnings
from typing import NamedTuple

import polars as pl

from annotation.judging._skene import Model, choose, fit
from annotation.judging._votes import Answers, Votes, counted, one_each, shared, votes_of
from annotation.judging.gold_answers import gold_of, labels_in, log_odds, weighed_without_itself, weights_from_gold

# Scores closer than this are the same, and are rounded as far: sums in another order differ by less.
SAME_SCORE, DIGITS = 1e-9, 9
# Shares are compared as thresholds are written, so that two of three meet 0.667.
SHARE_DECIMALS = 3
MODELS = {"dawid_skene", "dawid_skene_shrunk"}


class Consensus(NamedTuple):
    """`weights` has worker, answers, accuracy (null for a vote), weight; sorted by worker."""

    labels: pl.DataFrame
    weights: pl.DataFrame
    method: str  # majority, weighted, dawid_skene_shrunk
    why: str  # why this method, in one sentence
    strength: float | None  # of Dawid-Skene where it was tried; null otherwise
    superseded: int  # answers that the same person replaced later


class Accuracy(NamedTuple):
    """`value` is the share of `tasks` that are right, in [0, 1]; null without tasks."""

    value: float | None
    tasks: int
    ties: int


def consensus(answers: pl.DataFrame | Answers, *, gold: pl.DataFrame | None = None, seed: int) -> Consensus:
    """What people say of each task, by the method that these answers can bear.

    `answers` has worker, task, label; other columns, `gold` too, are not looked at. With `gold` (task, gold)
    votes are weighed by accuracy on it, unless that is right less often than a plain vote on the gold tasks
    themselves, each judged without its own gold. Without, see the module's text.
    """
    taken = one_each(answers)
    frame, superseded, _ = taken
    by_gold = None if gold is None else _by_gold(taken, gold_of(gold).frame)
    if by_gold is not None:
        return by_gold
    votes = votes_of(frame)
    why, strength, model = choose(votes, seed=seed)
    if model is None:
        return Consensus(majority(taken), _equal(frame), "majority", why, strength, superseded)
    labels, weights = _by_model(frame, votes, model), _skills(frame, votes, model)
    return Consensus(labels, weights, "dawid_skene_shrunk", why, strength, superseded)


def majority(answers: pl.DataFrame | Answers) -> pl.DataFrame:
    """The label said most often.

    >>> said = pl.DataFrame({"worker": ["a", "b", "a"], "task": ["1", "1", "2"], "label": ["no", "yes", "yes"]})
    >>> majority(said).select("task", "label", "tie").rows()
    [('1', None, True), ('2', 'yes', False)]
    """
    scored = counted(one_each(answers).frame).with_columns(score=pl.col("votes").cast(pl.Float64))
    return _best(scored.with_columns(confidence=pl.lit(None, pl.Float64)), "majority")


def weighted(answers: pl.DataFrame | Answers, gold: pl.DataFrame) -> pl.DataFrame:
    """The label with the greatest weight of votes; a gold task's weights come from the other gold tasks."""
    taken = one_each(answers)
    return _by_weight(weighed_without_itself(taken, gold), labels_in(taken.frame, gold))


def dawid_skene(answers: pl.DataFrame | Answers) -> pl.DataFrame:
    """Plain Dawid-Skene as crowd-kit computes it: for comparison, not for use. Minutes from a million answers on."""
    # crowd-kit 1.4.2 uses pandas in ways that pandas 3 announces the end of.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from crowdkit.aggregation import DawidSkene

        frame = one_each(answers).frame
        votes = votes_of(frame)
        codes = pl.DataFrame({"worker": votes.worker, "task": votes.task, "label": votes.label})
        probabilities = DawidSkene().fit_predict_proba(codes.to_pandas())
        probabilities = probabilities.reindex(index=range(len(votes.tasks)), columns=range(len(votes.labels)))
    posterior = pl.DataFrame(probabilities.to_numpy(), schema=votes.labels.to_list())
    scored = posterior.with_columns(task=votes.tasks).unpivot(index="task", variable_name="label", value_name="score")
    said = counted(frame).select("task", "label", "votes", "share")
    answered = frame.group_by("task").agg(answers=pl.len().cast(pl.Int64))
    scored = scored.join(answered, on="task").join(said, on=["task", "label"], how="left")
    return _best(scored.with_columns(pl.col("share").fill_null(0.0), confidence=pl.col("score")), "dawid_skene")


def dawid_skene_shrunk(answers: pl.DataFrame | Answers, *, strength: float) -> pl.DataFrame:
    """Dawid-Skene shrunk by `strength`, whether or not the answers bear it; a label that nobody said never wins."""
    frame = one_each(answers).frame
    votes = votes_of(frame)
    return _by_model(frame, votes, fit(votes, strength))


def decide(answers: pl.DataFrame | Answers, weights: pl.DataFrame | None = None, *, min_share: float) -> pl.DataFrame:
    """What each task's answers decide, by vote or by `weights` (worker, weight), and what must be escalated.

    See `decided` for the columns. Someone without a weight counts with the mean of those that have one.
    """
    taken = one_each(answers)
    if weights is None:
        return decided(majority(taken), min_share=min_share)
    frame = taken.frame
    known = weights.select(pl.col("worker").cast(pl.String), pl.col("weight").cast(pl.Float64)).unique("worker")
    mean = known["weight"].mean()
    weighed = frame.join(known, on="worker", how="left").with_columns(pl.col("weight").fill_null(mean).fill_null(1.0))
    return decided(_by_weight(weighed, frame["label"].n_unique()), min_share=min_share)


def decided(labels: pl.DataFrame, *, min_share: float) -> pl.DataFrame:
    """A table of labels with `escalate` and `why` (tie, low agreement; null where decided).

    A label is decided when it is no tie and `min_share` of the task's answers said it; the share counts heads,
    whatever they weigh, and is compared to three decimals. `method` is single for one answer, else majority,
    weighted or dawid_skene.
    """
    low = pl.col("share").round(SHARE_DECIMALS) < min_share
    why = pl.when(pl.col("tie")).then(pl.lit("tie")).when(low).then(pl.lit("low agreement"))
    method = (
        pl.when(pl.col("answers") == 1)
        .then(pl.lit("single"))
        .when(pl.col("method").is_in(MODELS))
        .then(pl.lit("dawid_skene"))
        .otherwise(pl.col("method"))
    )
    return labels.with_columns(method=method, why=why).with_columns(escalate=pl.col("why").is_not_null())


def accuracy(labels: pl.DataFrame, gold: pl.DataFrame) -> Accuracy:
    """How often a table of labels is right where `gold` (task, gold) is known.

    A tie of k labels counts as 1/k where gold is among them: what breaking it by lot would give.
    """
    both = labels.join(gold, on="task")
    if both.is_empty():
        return Accuracy(None, 0, 0)
    among = both["leaders"].list.contains(both["gold"]) / both["leaders"].list.len()
    return Accuracy(float(among.sum()) / len(both), len(both), int(both["tie"].sum()))


def _by_gold(taken: Answers, gold: pl.DataFrame) -> Consensus | None:
    """Null where no answered task has gold."""
    if taken.frame.join(gold, on="task", how="semi").is_empty():
        return None
    plain, weighed = majority(taken), weighted(taken, gold)
    vote, weight = accuracy(plain, gold).value or 0.0, accuracy(weighed, gold).value or 0.0
    told = f"of the gold tasks {weight:.3f} are right by weight and {vote:.3f} by vote"
    if weight < vote:
        why = f"weighing votes by accuracy on gold does not help: {told}"
        return Consensus(plain, _equal(taken.frame), "majority", why, None, taken.superseded)
    why = f"votes are weighed by accuracy on gold: {told}"
    return Consensus(weighed, weights_from_gold(taken, gold), "weighted", why, None, taken.superseded)


def _by_weight(weighed: pl.DataFrame, labels: int) -> pl.DataFrame:
    """Labels that nobody said of a task have weight 0, and a part in what confidence is shared among."""
    scores = weighed.group_by("task", "label").agg(
        votes=pl.len().cast(pl.Int64), score=pl.col("weight").sum().round(DIGITS)
    )
    tops = scores.group_by("task").agg(top=pl.col("score").max(), said=pl.len())
    odds = scores.join(tops, on="task").with_columns(odds=(pl.col("score") - pl.col("top")).exp())
    unsaid = (labels - pl.col("said").first()) * (-pl.col("top").first()).exp()
    totals = odds.group_by("task").agg(total=pl.col("odds").sum() + unsaid)
    confidence = pl.col("odds") / pl.col("total")
    scored = shared(odds.join(totals, on="task").with_columns(confidence=confidence))
    return _best(scored, "weighted")


def _by_model(frame: pl.DataFrame, votes: Votes, model: Model) -> pl.DataFrame:
    likely = model.posterior[votes.task, votes.label]
    said = frame.select("task", "label").with_columns(score=pl.Series(likely)).unique(["task", "label"])
    scored = counted(frame).join(said, on=["task", "label"]).with_columns(confidence=pl.col("score"))
    return _best(scored, "dawid_skene_shrunk")


def _best(scored: pl.DataFrame, method: str) -> pl.DataFrame:
    """One line a task from task, label, score, share, answers, confidence with a line a label."""
    tops = scored.group_by("task").agg(top=pl.col("score").max())
    best = scored.join(tops, on="task").filter(pl.col("score") >= pl.col("top") - SAME_SCORE).sort("task", "label")
    return best.group_by("task", maintain_order=True).agg(
        label=pl.when(pl.len() == 1).then(pl.col("label").first()),
        share=pl.col("share").max(),
        answers=pl.col("answers").first(),
        confidence=pl.col("confidence").max().round(DIGITS),
        tie=pl.len() > 1,
        leaders=pl.col("label"),
        method=pl.lit(method),
    )


def _equal(frame: pl.DataFrame) -> pl.DataFrame:
    said = frame.group_by("worker").agg(answers=pl.len().cast(pl.Int64)).sort("worker")
    return said.with_columns(accuracy=pl.lit(None, pl.Float64), weight=pl.lit(1.0))


def _skills(frame: pl.DataFrame, votes: Votes, model: Model) -> pl.DataFrame:
    known = pl.DataFrame({"worker": votes.workers, "accuracy": model.skill})
    said = _equal(frame).select("worker", "answers").join(known, on="worker", maintain_order="left")
    return said.with_columns(weight=log_odds(pl.col("accuracy"), len(votes.labels)))
