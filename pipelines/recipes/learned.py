"""What a release is learned from: answers, preferences or labels, how long they are, how labels are weighed"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from pipelines._tokens import count_tokens
from schemas.errors import UsageError
from schemas.record import Kind

KINDS = {"sft": Kind.SFT, "preference": Kind.PREFERENCE, "label": Kind.KTO}
"""By the name that `--kind` takes."""

# Weighed wanted answers for each unwanted one, by TRL's documentation of KTO: 1:1 to 4:3.
_MOST_WANTED = 4 / 3


class Learned(NamedTuple):
    """What a recipe is made for; `aside` are the released rows of other kinds, by --kind's names."""

    kind: Kind
    records: pl.DataFrame
    aside: Mapping[str, int]


def learned(records: pl.DataFrame, said: str | None) -> Learned:
    """By `said`, or by what most of the rows to train on are. Raises UsageError."""
    if said and said not in KINDS:
        raise UsageError(f"--kind {said!r}: known are {', '.join(KINDS)}")
    counts = {name: int((records["kind"] == kind.value).sum()) for name, kind in KINDS.items()}
    training = records.filter(pl.col("split") == "train")["kind"]
    chosen = said or max(KINDS, key=lambda name: int((training == KINDS[name].value).sum()))
    if not counts[chosen]:
        there = ", ".join(f"{rows:,} {name}" for name, rows in counts.items() if rows) or "none at all"
        raise UsageError(f"the release has no {chosen} row to finetune on; it has {there}: choose another --kind")
    kind = KINDS[chosen]
    return Learned(
        kind,
        records.filter(pl.col("kind") == kind.value),
        {name: rows for name, rows in counts.items() if rows and name != chosen},
    )


def learned_lengths(records: pl.DataFrame, kind: Kind) -> pl.Series:
    """Tokens of the longest sequence that a record makes; null where it was not counted.

    `n_tokens` counts the chosen answer. Of a pair the rejected one is a sequence as well.
    """
    if kind != Kind.PREFERENCE:
        return records["n_tokens"]
    chosen, rejected = (
        count_tokens(records.select(pl.col(name).list.eval(pl.element().struct.field("content")).list.join("\n"))[name])
        for name in ("chosen", "rejected")
    )
    return records["n_tokens"] + (rejected - chosen).clip(lower_bound=0).fill_null(0)


class Balance(NamedTuple):
    """Weights of wanted and unwanted answers, and why."""

    wanted: float
    unwanted: float
    why: str


def balance(records: pl.DataFrame) -> Balance:
    """So that wanted answers weigh 1 to 4/3 times what unwanted ones do. Raises UsageError where one kind is absent."""
    labels = records.filter(pl.col("split") == "train")["label"]
    wanted, unwanted = int((labels == True).sum()), int((labels == False).sum())  # noqa: E712
    if not wanted or not unwanted:
        raise UsageError(
            f"KTO learns from wanted and unwanted answers, and there are {wanted:,} and {unwanted:,} to train on; "
            "label some of the other kind"
        )
    why = f"{wanted:,} wanted and {unwanted:,} unwanted answers; TRL wants 1:1 to 4:3"
    if wanted < unwanted:
        return Balance(math.ceil(100 * unwanted / wanted) / 100, 1.0, why)
    if wanted > _MOST_WANTED * unwanted:
        return Balance(1.0, math.floor(100 * wanted / unwanted) / 100, why)
    return Balance(1.0, 1.0, why)
