"""What `assay cost --json` says, as models: all amounts in the currency's smallest unit."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitCost(Part):
    """One limit. A month's `spent` is what was booked in it; every open reservation counts against it."""

    name: str  # "project", "month 2026-10", "tier expert"
    limit: int | None  # null: none is set
    spent: int
    reserved: int
    left: int | None  # negative where more is committed than the limit allows


class TierCost(Part):
    name: str
    price: int | None  # of one answer by today's settings; null for a tier they no longer have
    responses: int  # booked
    spent: int
    reserved: int
    left: int | None


class AnnotatorCost(Part):
    name: str
    responses: int  # booked
    spent: int
    estimated_minutes: float | None  # of active work; see annotation/spending/effort.py
    median_seconds: float | None  # between two answers without a break
    per_hour: int | None  # spent for each estimated hour; null below FEWEST_MINUTES of costs.py


class ReasonCost(Part):
    """Spent on records that were asked about for this reason; what has several reasons is shared evenly among them."""

    name: str | None  # "family.check"; null: asked about for no reason, as gold records are
    spent: int


class ToFinish(Part):
    """What is still to come before everything that was given out is decided."""

    tasks: int  # open
    responses: int  # that they still ask for
    amount: int  # reserved for them
    # Expected at the rate of disagreement so far, apart for tasks of one answer and of several; where nothing of
    # a sort was decided yet none is foreseen for it, and null where that holds for all.
    adjudications: float | None
    adjudication_amount: int  # for those; not reserved yet
    short: int | None  # of it, beyond what the project's limit leaves; null without a limit


class ReleaseCost(Part):
    """What of all this is about the records of one release."""

    records: int  # of the release that people were asked about
    spent: int
    reserved: int
    accepted: int
    per_accepted: int | None


class CostReport(Part):
    """Everything `assay cost` says. Amounts are in the smallest unit: `minor_digits` decimal places of `currency`."""

    project: str
    currency: str
    minor_digits: int
    spent: int
    reserved: int
    left: int | None  # of the project's limit; null without one
    limits: list[LimitCost]  # the project's, this month's, each tier's
    responses: int  # booked
    accepted: int  # records that people accepted or fixed, gold records left out
    per_accepted: int | None  # all that was spent, over `accepted`; null where there is none
    tiers: list[TierCost]  # in the settings' order
    annotators: list[AnnotatorCost]  # who earned most first
    reasons: list[ReasonCost]  # the dearest first
    gold: int  # spent on records whose answer is known, to measure people
    adjudication: int  # spent on deciding where people disagreed
    corrections: int  # of what is spent: entered by hand, either way
    overdrawn: int  # earned beyond what was reserved for its task
    to_finish: ToFinish
    release: ReleaseCost | None  # null where no release was named
