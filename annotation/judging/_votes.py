"""Answers as columns and codes: one answer of each person for each task, in an order that rows do not change."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.errors import UsageError

WHO_WHAT = ("worker", "task", "label")
# More different labels than this are free text, not categories: 0 to 100 fits in twice.
MAX_LABELS = 200


class Answers(NamedTuple):
    """`frame` has worker, task and label as text, no nulls, sorted by task and worker."""

    frame: pl.DataFrame
    superseded: int  # answers that the same person replaced later in the input
    unanswered: int  # rows without a worker, a task or a label


class Votes(NamedTuple):
    """The same as codes: positions in the three sorted lists, one entry an answer."""

    worker: NDArray[np.int64]
    task: NDArray[np.int64]
    label: NDArray[np.int64]
    workers: pl.Series
    tasks: pl.Series
    labels: pl.Series


def one_each(answers: pl.DataFrame | Answers) -> Answers:
    """The answers in force: of one person's several for one task the last, as they changed their mind.

    What went through here already comes back as it is. Other columns are dropped. Raises UsageError where
    worker, task or label is no column.

    >>> said = pl.DataFrame({"worker": ["a", "a"], "task": ["1", "1"], "label": ["no", "yes"]})
    >>> one_each(said).frame["label"].to_list(), one_each(said).superseded
    (['yes'], 1)
    """
    if isinstance(answers, Answers):
        return answers
    missing = [name for name in WHO_WHAT if name not in answers.columns]
    if missing:
        raise UsageError(f"answers have no column {missing[0]!r}; they need {', '.join(WHO_WHAT)}")
    text = answers.select(pl.col(WHO_WHAT).cast(pl.String))
    said = text.drop_nulls()
    last = said.unique(["worker", "task"], keep="last", maintain_order=True)
    return Answers(last.sort("task", "worker"), len(said) - len(last), len(text) - len(said))


def votes_of(frame: pl.DataFrame) -> Votes:
    """Codes of an Answers' frame. Labels are in the order of their text."""
    codes = frame.select((pl.col(WHO_WHAT).rank("dense").cast(pl.Int64) - 1).name.keep())
    worker, task, label = (codes[name].to_numpy() for name in WHO_WHAT)
    return Votes(worker, task, label, *(frame[name].unique().sort() for name in WHO_WHAT))


def counted(frame: pl.DataFrame) -> pl.DataFrame:
    """How often each label was said of each task: task, label, votes, answers (of the task), share in [0, 1]."""
    votes = frame.group_by("task", "label").agg(votes=pl.len().cast(pl.Int64))
    return shared(votes)


def shared(votes: pl.DataFrame) -> pl.DataFrame:
    """Adds answers and share to a table with task and votes. A join: windows are ten times slower here."""
    answers = votes.group_by("task").agg(answers=pl.col("votes").sum())
    return votes.join(answers, on="task").with_columns(share=pl.col("votes") / pl.col("answers"))
