"""Blinding: how gold records stand among real ones, so that nobody can tell which they are."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from annotation.asking._waiting import Draft
from annotation.asking.domains import Domain
from annotation.asking.routing import dataset_for, share_of
from schemas.decision import TaskKind
from schemas.record import Kind
from schemas.settings import AnnotationSettings

# Whoever takes every record without a hint for gold is wrong three times in four.
HIDING = 3
# Findings that a reader meets by himself; the hint that a key or a broken call is in it, nobody should miss.
EVIDENT = ("formatting", "language", "length", "refusal")


class Placed(NamedTuple):
    """A task before it is written out."""

    draft: Draft
    domain: Domain | None
    vector: tuple[float, ...] | None
    tier: str
    rule: str
    people: int  # who answer it
    asked: bool  # was given out before


def _where(placed: Placed) -> tuple[str, str, int]:
    return placed.tier, placed.draft.kind.value, placed.people


class Company(NamedTuple):
    seated: list[Placed]  # in the order given; gold in its final dataset
    alone: list[Placed]  # gold


class Blind(NamedTuple):
    subjects: frozenset[str]
    notes: tuple[str, ...]  # where gold cannot be hidden


def joined(placed: Sequence[Placed], seed: int) -> list[Placed]:
    """Gold that several are to answer takes real records along, HIDING for each: as many people answer those.

    Those that look most like it, and first those that several answer anyway. What was given out before has its
    company already, or is company.
    """
    fresh = [one for one in placed if not one.asked]
    gold = Counter((one.tier, one.people) for one in fresh if one.draft.gold and one.people > 1)
    moved: dict[str, int] = {}
    for (tier, people), number in gold.items():
        real = [one for one in fresh if not one.draft.gold and one.tier == tier and one.draft.kind == TaskKind.RECORD]
        there = sum(one.people == people for one in real)
        others = sorted((one for one in real if one.people != people), key=lambda one: _likeness(one, seed))
        moved |= {one.draft.subject: people for one in others[: max(0, HIDING * number - there)]}
    return [one if one.draft.gold else one._replace(people=moved.get(one.draft.subject, one.people)) for one in placed]


def _likeness(placed: Placed, seed: int) -> tuple[bool, bool, float]:
    """What looks most like gold comes first."""
    drawn = share_of(placed.draft.subject, seed=seed, purpose="company")
    return not _is_evident(placed.draft), placed.people == 1, drawn


def accompanied(placed: Sequence[Placed]) -> Company:
    """All but gold without company, and that: alone in its dataset it would be known for what it is."""
    peopled = {_where(one) for one in placed if not one.draft.gold}
    with_company, alone = [], []
    for one in placed:
        # Where there is nothing that could be moved beside it, it may still stand among single answers.
        seats = (one, one._replace(people=1)) if one.draft.gold else (one,)
        seat = one if one.asked else next((seat for seat in seats if _where(seat) in peopled), None)
        if seat:
            with_company.append(seat)
        else:
            alone.append(one)
    return Company(with_company, alone)


def unhinted(placed: Sequence[Placed], settings: AnnotationSettings, seed: int) -> Blind:
    """The subjects that are shown without a hint: gold without reasons, and the real ones among which it hides."""
    chosen: set[str] = set()
    notes = []
    for (tier, kind, people), group in groupby(sorted(placed, key=_where), key=_where):
        members = list(group)
        plain = [one for one in members if one.draft.gold and not one.draft.row["reasons"]]
        bare = [one.draft.subject for one in plain]
        evident = [one.draft.subject for one in members if _is_evident(one.draft)]
        evident.sort(key=lambda subject: share_of(subject, seed=seed, purpose="no hint"))
        chosen |= {*bare, *evident[: HIDING * len(bare)]}
        if len(evident) < len(bare) and not all(one.asked for one in plain):
            dataset = dataset_for(TaskKind(kind), people, tier, settings)
            notes.append(
                f"{tier}/{dataset}: {len(bare)} gold records without reasons among {len(evident)} real ones that look "
                "alike can be told from real work; give them reasons in the gold file, or push fewer"
            )
    return Blind(frozenset(chosen), tuple(notes))


def _is_evident(draft: Draft) -> bool:
    row = draft.row
    return (
        draft.gold is None
        and draft.kind == TaskKind.RECORD
        and row["kind"] == Kind.SFT
        and draft.twin is None
        and row["detail"] is None
        and all(reason.split(".", 1)[0] in EVIDENT for reason in row["reasons"])
    )
