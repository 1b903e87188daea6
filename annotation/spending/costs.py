"""What people cost: spent, reserved, left, by tier, person and reason, and what is still to come.

All amounts are integers of the currency's smallest unit (cents), and every breakdown adds up to the whole.
"""

from datetime import UTC, datetime
from typing import NamedTuple

import polars as pl
from sqlalchemy import Engine

from annotation.spending.cost_frames import Frames, frames
from annotation.spending.cost_lines import cost_lines
from annotation.spending.cost_report import (
    AnnotatorCost,
    CostReport,
    LimitCost,
    ReasonCost,
    ReleaseCost,
    TierCost,
    ToFinish,
)
from annotation.spending.effort import estimate_active_minutes
from annotation.spending.forecast import Standing, limits, standings
from annotation.spending.money import minor_digits
from annotation.store.database import reading
from schemas.settings import AnnotationSettings

__all__ = ["CostReport", "cost_lines", "costs", "shares"]


def costs(engine: Engine, settings: AnnotationSettings, records: pl.DataFrame | None = None) -> CostReport:
    """The project's costs as they are now, and of a release's `records` (columns record_id, original_record_id)."""
    with reading(engine) as connection:
        found = frames(connection, settings.project)
        standing = standings(settings, connection, datetime.now(UTC))
    project, spent = standing[0], standing[0].spent
    return CostReport(
        project=settings.project,
        currency=settings.currency,
        minor_digits=minor_digits(settings.currency),
        spent=spent,
        reserved=project.reserved,
        left=project.left,
        limits=[_limit(one) for one in standing],
        responses=_total(found.entries, "responses"),
        accepted=found.accepted.height,
        per_accepted=_each(spent, found.accepted.height),
        tiers=_tiers(found.entries, settings, standing[2:]),
        annotators=_annotators(found, settings.idle_minutes),
        reasons=_reasons(found.entries),
        gold=_total(found.entries.filter("gold"), "spent"),
        adjudication=_total(found.entries.filter("adjudicates"), "spent"),
        corrections=_total(found.entries, "corrected"),
        overdrawn=_total(found.entries, "overdrawn"),
        to_finish=_to_finish(found, settings, project.left),
        release=None if records is None else _release(found, records),
    )


def _limit(standing: Standing) -> LimitCost:
    return LimitCost(
        name=standing.name,
        limit=standing.limit,
        spent=standing.spent,
        reserved=standing.reserved,
        left=standing.left,
    )


def _tiers(entries: pl.DataFrame, settings: AnnotationSettings, standing: tuple[Standing, ...]) -> list[TierCost]:
    sums = entries.group_by("tier").agg(pl.col("responses", "spent", "reserved").sum())
    found = {row["tier"]: row for row in sums.to_dicts()}
    left = {name: one.left for name, one in zip(settings.tiers, standing, strict=True)}
    prices = limits(settings).prices
    former = sorted(found.keys() - settings.tiers.keys())
    nothing = {"responses": 0, "spent": 0, "reserved": 0}
    return [
        TierCost(
            name=name,
            price=prices.get(name),
            left=left.get(name),
            **{key: found.get(name, nothing)[key] for key in nothing},
        )
        for name in [*settings.tiers, *former]
    ]


def _annotators(found: Frames, idle_minutes: float) -> list[AnnotatorCost]:
    earned = (
        found.entries.filter(pl.col("annotator").is_not_null())
        .group_by("annotator")
        .agg(pl.col("responses", "spent").sum())
    )
    effort = estimate_active_minutes(found.submissions, idle_minutes).drop("responses")
    people = earned.join(effort, on="annotator", how="left").sort(["spent", "annotator"], descending=[True, False])
    return [
        AnnotatorCost(
            name=row["annotator"],
            responses=row["responses"],
            spent=row["spent"],
            estimated_minutes=row["estimated_minutes"],
            median_seconds=row["median_seconds"],
            per_hour=_per_hour(row["spent"], row["estimated_minutes"]),
        )
        for row in people.to_dicts()
    ]


def _reasons(entries: pl.DataFrame) -> list[ReasonCost]:
    """Each distinct set of reasons shares what was spent for it; odd cents go to the first in alphabetical order."""
    # An adjustment may have been written without reasons.
    sets = entries.with_columns(pl.col("reasons").fill_null([]).list.unique().list.sort())
    sets = sets.group_by("reasons").agg(pl.col("spent").sum()).filter(pl.col("spent") != 0)
    shared: dict[str | None, int] = {}
    for reasons, spent in sets.iter_rows():
        names: list[str | None] = reasons or [None]
        for name, share in zip(names, shares(spent, len(names)), strict=True):
            shared[name] = shared.get(name, 0) + share
    dearest = sorted(shared.items(), key=lambda item: (-item[1], item[0] or ""))
    return [ReasonCost(name=name, spent=spent) for name, spent in dearest]


def shares(amount: int, parts: int) -> list[int]:
    """`amount` in equal parts that add up to it; the first ones are larger by one where it does not divide.

    >>> shares(200, 3), shares(-1, 2)
    ([67, 67, 66], [0, -1])
    """
    whole, odd = divmod(amount, parts)
    return [whole + (place < odd) for place in range(parts)]


class _Expected(NamedTuple):
    adjudications: float | None
    amount: int


def _to_finish(found: Frames, settings: AnnotationSettings, left: int | None) -> ToFinish:
    answered = found.entries.group_by("task_id").agg(pl.col("responses", "reserved").sum())
    waiting = found.tasks.filter("open").join(answered, on="task_id", how="left")
    missing = (pl.col("min_submitted") - pl.col("responses")).clip(lower_bound=0)
    expected = _expected(found.tasks, settings)
    return ToFinish(
        tasks=waiting.height,
        responses=int(waiting.select(missing.sum()).item()),
        amount=_total(waiting, "reserved"),
        adjudications=expected.adjudications,
        adjudication_amount=expected.amount,
        short=None if left is None else min(expected.amount, max(0, expected.amount - left)),
    )


def _expected(tasks: pl.DataFrame, settings: AnnotationSettings) -> _Expected:
    """Open tasks times the share that was disputed of the finished ones, apart for one answer and for several."""
    price = limits(settings).prices[settings.adjudication] if settings.adjudication else 0
    asked = tasks.filter(~pl.col("adjudicates"), ~pl.col("gold")).with_columns(several=pl.col("min_submitted") > 1)
    rates = asked.filter("finished").group_by("several").agg(rate=pl.col("disputed").mean())
    still = asked.filter(pl.col("open"), ~pl.col("disputed")).group_by("several").len()
    known = still.join(rates, on="several", how="inner")
    if known.is_empty() and not still.is_empty():
        return _Expected(None, 0)
    number = float((known["len"] * known["rate"]).sum())
    return _Expected(number, round(number * price))


def _release(found: Frames, records: pl.DataFrame) -> ReleaseCost:
    """A corrected record has a new id; people were asked about the one it had before."""
    columns = [name for name in ("record_id", "original_record_id") if name in records.columns]
    ids = pl.concat([records.select(record_id=pl.col(name).cast(pl.String)) for name in columns]).drop_nulls()
    about = found.entries.join(ids, on="record_id", how="semi")
    accepted = found.accepted.join(ids, left_on="subject", right_on="record_id", how="semi").height
    spent = _total(about, "spent")
    return ReleaseCost(
        records=about["record_id"].n_unique(),
        spent=spent,
        reserved=_total(about, "reserved"),
        accepted=accepted,
        per_accepted=_each(spent, accepted),
    )


def _total(frame: pl.DataFrame, column: str) -> int:
    return int(frame[column].sum())


def _each(amount: int, number: int) -> int | None:
    """Rounded to the smallest unit, halves up."""
    return (2 * amount + number) // (2 * number) if number else None


# Less work than this is a handful of answers; what it says of an hour is chance.
FEWEST_MINUTES = 5


def _per_hour(spent: int, minutes: float | None) -> int | None:
    return round(spent * 60 / minutes) if minutes and minutes >= FEWEST_MINUTES else None
