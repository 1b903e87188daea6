"""What cannot be done as the settings ask: a sentence each, with the remedy, for whoever pushes."""

from collections import Counter
from collections.abc import Sequence

from annotation.asking._blinding import Placed
from annotation.asking.routing import can_overlap
from schemas.settings import AnnotationSettings


def too_few_people(placed: Sequence[Placed], settings: AnnotationSettings) -> list[str]:
    """A note for each tier with work whose people are too few for the overlap that is asked for."""
    if not settings.overlap.share:
        return []
    work = Counter(one.tier for one in placed if not one.draft.gold)
    return [
        f"{tier}: its annotators ({len(settings.tiers[tier].annotators)}) are too few for an overlap of "
        f"{settings.overlap.annotators}, so each of its tasks is given to one person; name more of them, or set "
        "annotation.overlap.annotators"
        for tier in sorted(work)
        if not can_overlap(tier, settings)
    ]


def thin_gold(placed: Sequence[Placed], settings: AnnotationSettings) -> list[str]:
    """A note for each tier whose gold does not measure everybody."""
    gold = [one for one in placed if one.draft.gold]
    records, answers = Counter(one.tier for one in gold), Counter[str]()
    for one in gold:
        answers[one.tier] += one.people
    enough, notes = settings.gold.min_answers, []
    for tier in sorted(records):
        people = len(set(settings.tiers[tier].annotators))
        said = f"{tier}: {records[tier]} gold records bring {answers[tier]} answers"
        if not people:
            notes.append(
                f"{said}, enough to measure {answers[tier] // enough} people at {enough} each; name its people in "
                f"annotation.tiers.{tier}.annotators, and every one of them answers every gold record"
            )
        elif answers[tier] < people * enough:
            notes.append(
                f"{said}, too few to measure its people ({people}, who need {enough} each); add gold records, or set "
                "annotation.gold.min_answers"
            )
    return notes
