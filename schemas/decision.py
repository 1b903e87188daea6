"""What people are asked, and what they decide."""

from enum import StrEnum

import polars as pl


class TaskKind(StrEnum):
    """What one task asks."""

    RECORD = "record"  # may this record be trained on, as it is or corrected?
    PAIR = "pair"  # are these two records the same?
    PREFERENCE = "preference"  # which of these two answers is better?


class Verdict(StrEnum):
    """What people decided of a subject."""

    ACCEPT = "accept"  # record, preference: release it as it is
    FIX = "fix"  # record: release it with the corrected completion; preference: with the answers swapped
    REJECT = "reject"  # record, preference: keep it out
    RESTORE = "restore"  # record, preference: release it whatever a stage finds of it; said by hand alone
    SAME = "same"  # pair: one of the two goes
    DIFFERENT = "different"  # pair: both may stay


VERDICTS = {
    TaskKind.RECORD: (Verdict.ACCEPT, Verdict.FIX, Verdict.REJECT),
    TaskKind.PAIR: (Verdict.SAME, Verdict.DIFFERENT),
    TaskKind.PREFERENCE: (Verdict.ACCEPT, Verdict.FIX, Verdict.REJECT),
}
"""What may be answered of each kind of task. A record is restored by hand, and by nobody who is asked."""

DEMANDS = {
    "correct": "Correct: true, complete, and does what the instruction asks",
    "well_formed": "Well formed: clear, clean, in the right form and language",
    "representative": "Representative: like the requests the model will really get",
    "adds_something": "Adds something new: teaches what a hundred others do not",
}
"""The four demands of an instruction pair, each rated 1 to 5."""

ANNOTATOR = "annotator"
"""The family of the reasons that people give, as the ledger has them."""

REASONS = {
    "wrong": "Wrong or made up",
    "incomplete": "Incomplete or cut off",
    "off_task": "Does not answer the instruction",
    "unclear_prompt": "The instruction is unclear or impossible",
    "form": "Debris, wrong form or wrong language",
    "harmful": "Harmful, or holds personal data or secrets",
    "refusal": "Refuses without need",
    "duplicate": "Says the same as another record",
    "other": "Something else (say what in the comment)",
}
"""Why a record is fixed or rejected. In the ledger each is `annotator.NAME`."""

BY_HAND = "by_hand"
"""The method of a decision that one person made unasked, with a name and a reason; no answers outweigh it."""

DECISION_SCHEMA = pl.Schema(
    {
        "subject": pl.String(),  # record_id; of a pair both, the smaller first, joined by ":"
        "kind": pl.String(),  # a TaskKind
        "verdict": pl.String(),  # a Verdict
        "completion": pl.String(),  # the corrected one, of a fixed record, restored since or not; null otherwise
        "reasons": pl.List(pl.String()),  # names of REASONS, in that order; empty when none was given
        "comment": pl.String(),
        "domain": pl.String(),  # where people corrected it; null otherwise
        "annotators": pl.Int64(),  # how many people's submitted responses stand behind it
        "method": pl.String(),  # single, majority, weighted, dawid_skene, adjudication, by_hand
        "agreement": pl.Float64(),  # share of them that said the verdict, in [0, 1]
        "decided_by": pl.String(),  # who decided by hand, as they call themselves; null otherwise
    }
)
"""The decisions in force, one line a subject, sorted by subject."""


def pair_subject(one: str, other: str) -> str:
    """The subject of a pair, whichever is named first.

    >>> pair_subject("b", "a")
    'a:b'
    """
    return ":".join(sorted((one, other)))
