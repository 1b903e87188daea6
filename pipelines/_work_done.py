"""What of a run's work was new, as the page shows it."""

from typing import NamedTuple

from pipelines import _shown
from schemas.report import Report

WORK = {
    "read": ("rows", "read from their sources"),
    "measured": ("records", "counted in tokens, their language told"),
    "checked": ("records", "by one check or more"),
    "verdicts": ("verdicts", "single ones, of all those checks"),
    "prepared": ("records", "as the target's trainer prepares them"),
    "signed": ("texts", "for near duplicates"),
    "embedded": ("texts", "by the model"),
    "compared": ("prompts", "with all others, for semantic duplicates"),
    "neighbours": ("prompts", "their nearest other looked for"),
    "toxicity": ("records", "judged for tone; always all, as it costs next to nothing"),
    "asked": ("records", "the language model asked for their difficulty"),
}
"""Of what each step needs a number, and what it does with them."""


class Done(NamedTuple):
    step: str
    what: str
    all: int
    new: int
    share: str


def work_done(report: Report) -> list[Done]:
    """What of the run's work was new, by step; empty where that was not counted."""
    if report.run.new is None:
        return []
    found = [(step, unit, what, getattr(report.run.new, step)) for step, (unit, what) in WORK.items()]
    return [
        Done(step, f"{unit}: {what}", work.all, work.new, _shown.share(work.new / work.all) if work.all else "–")
        for step, unit, what, work in found
        if work is not None
    ]
