"""What is allowed, how much of it is committed, and what a set of tasks would cost.

What counts against a limit is what is spent and what is reserved. Against a month's limit counts what was
booked in that month, and everything that is still reserved, whenever it was promised: an open reservation is
paid this month at the earliest. So what is paid in a month stays within its limit. When an answer to a
reservation of last month is booked this month, it stops being reserved and is spent this month; last
month's own figures then hold nothing of it. Months are those of UTC.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from annotation.asking.tasks import Task
from annotation.spending.ledger import Sums, month_of, same_currency, sums, sums_by
from annotation.spending.money import show, to_minor
from annotation.store.database import reading
from annotation.store.tables import ENTRIES
from schemas.errors import SettingsError
from schemas.settings import AnnotationSettings

TaskCounts = Mapping[tuple[str, int], int]
"""(tier, min_submitted) -> tasks."""


class Limits(NamedTuple):
    """What the settings allow, in smallest units of `currency`; null is no limit."""

    currency: str
    total: int | None
    month: int | None
    tiers: dict[str, int | None]
    prices: dict[str, int]  # of one submitted response, by tier


class Standing(NamedTuple):
    """One limit, and where it stands before anything more is asked."""

    name: str  # "project", "month 2026-10", "tier expert"
    setting: str  # where the limit is written
    limit: int | None
    spent: int
    reserved: int
    asked: int = 0

    @property
    def left(self) -> int | None:
        """Null without a limit; negative where more is committed than it allows."""
        return None if self.limit is None else self.limit - self.spent - self.reserved

    @property
    def fits(self) -> bool:
        """Who asks for nothing breaks nothing."""
        return self.left is None or self.asked == 0 or self.asked <= self.left


class TierForecast(NamedTuple):
    tier: str
    tasks: int
    responses: int
    price: int
    amount: int


class Forecast(NamedTuple):
    """What tasks would cost, and against what."""

    currency: str
    tiers: tuple[TierForecast, ...]  # those that are asked, in the settings' order
    standings: tuple[Standing, ...]  # the project's, the month's, each tier's that is asked

    @property
    def amount(self) -> int:
        return sum(tier.amount for tier in self.tiers)

    @property
    def breaks(self) -> Standing | None:
        """The first limit that does not allow it; null where all do."""
        return next((standing for standing in self.standings if not standing.fits), None)


def limits(settings: AnnotationSettings) -> Limits:
    """Prices and limits in smallest units. Raises SettingsError for an amount that the currency does not have."""

    def minor(where: str, amount: Decimal) -> int:
        try:
            return to_minor(amount, settings.currency)
        except SettingsError as error:
            raise SettingsError(f"annotation.{where}: {error}") from error

    def limit(where: str, amount: Decimal | None) -> int | None:
        return None if amount is None else minor(where, amount)

    tiers = settings.tiers.items()
    return Limits(
        settings.currency,
        limit("budget.total", settings.budget.total),
        limit("budget.month", settings.budget.month),
        {name: limit(f"tiers.{name}.budget", tier.budget) for name, tier in tiers},
        {name: minor(f"tiers.{name}.price", tier.price) for name, tier in tiers},
    )


def count_tasks(tasks: Iterable[Task]) -> TaskCounts:
    return Counter((task.tier, task.min_submitted) for task in tasks)


def forecast(
    counts: TaskCounts, settings: AnnotationSettings, engine: Engine | None, at: datetime | None = None
) -> Forecast:
    """What so many tasks, none of them given out yet, would cost. Without an `engine` nothing was spent before.

    Raises SettingsError for a tier that the settings do not have.
    """
    if engine is None:
        return foreseen(counts, settings, None, at)
    with reading(engine) as connection:
        return foreseen(counts, settings, connection, at)


def foreseen(
    counts: TaskCounts, settings: AnnotationSettings, connection: Connection | None, at: datetime | None = None
) -> Forecast:
    """`forecast` on a connection, so that it can be held against what the same transaction then writes."""
    allowed = limits(settings)
    for tier, _ in counts:
        if tier not in settings.tiers:
            raise SettingsError(f"no tier is called {tier!r}; annotation.tiers are {', '.join(settings.tiers)}")
    tiers = [_tier(name, allowed.prices[name], counts) for name in settings.tiers]
    asking = tuple(tier for tier in tiers if tier.tasks)
    asked = {tier.tier: tier.amount for tier in asking}
    project, month, *rest = standings(settings, connection, at)
    total = sum(asked.values())
    told = [
        standing._replace(asked=asked[name])
        for name, standing in zip(settings.tiers, rest, strict=True)
        if name in asked
    ]
    return Forecast(settings.currency, asking, (project._replace(asked=total), month._replace(asked=total), *told))


def standings(
    settings: AnnotationSettings, connection: Connection | None, at: datetime | None = None
) -> tuple[Standing, ...]:
    """The project's limit, the month's, and each tier's in the settings' order, and what is committed against each.

    Raises StoreError where the project's money is in another currency than the settings'.
    """
    allowed, month = limits(settings), month_of(at or datetime.now(UTC))
    whole = this_month = Sums(0, 0)
    tiers: dict[str, Sums] = {}
    if connection is not None:
        same_currency(connection, settings.project, settings.currency)
        whole = sums(connection, settings.project)
        this_month = sums(connection, settings.project, month=month)
        tiers = sums_by(connection, settings.project, ENTRIES.c.tier)
    return (
        Standing("project", "annotation.budget.total", allowed.total, whole.spent, whole.reserved),
        Standing(f"month {month}", "annotation.budget.month", allowed.month, this_month.spent, whole.reserved),
        *(_of_tier(name, limit, tiers.get(name, Sums(0, 0))) for name, limit in allowed.tiers.items()),
    )


def forecast_lines(forecast: Forecast) -> list[str]:
    """The forecast as a terminal shows it: what is asked of each tier, then what each limit leaves."""

    def money(minor: int) -> str:
        return show(minor, forecast.currency)

    lines = [
        f"{tier.tier:<12}{many(tier.tasks, 'task')}, {many(tier.responses, 'answer')} at {money(tier.price)}: "
        f"{money(tier.amount)}"
        for tier in forecast.tiers
    ]
    return [*lines, f"{'asks for':<12}{money(forecast.amount)}", *limit_lines(forecast.standings, forecast.currency)]


def limit_lines(found: Iterable[Standing], currency: str) -> list[str]:
    """Each limit that is set, and what it leaves."""
    return [
        f"{'limit':<12}{one.name}: {show(one.limit, currency)}, {show(one.spent, currency)} spent, "
        f"{show(one.reserved, currency)} reserved, {show(one.left, currency)} left"
        + ("" if one.fits else ": NOT ENOUGH")
        for one in found
        if one.limit is not None and one.left is not None
    ]


def many(number: int, what: str) -> str:
    """The number with its noun: `1 task`, `2,000 tasks`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _of_tier(name: str, limit: int | None, committed: Sums) -> Standing:
    return Standing(f"tier {name}", f"annotation.tiers.{name}.budget", limit, committed.spent, committed.reserved)


def _tier(name: str, price: int, counts: TaskCounts) -> TierForecast:
    mine = {overlap: tasks for (tier, overlap), tasks in counts.items() if tier == name}
    responses = sum(overlap * tasks for overlap, tasks in mine.items())
    return TierForecast(name, sum(mine.values()), responses, price, responses * price)
