"""The cost report as a terminal shows it: what it costs first, who and why below."""

from collections.abc import Iterator

from annotation.spending.cost_report import CostReport
from annotation.spending.forecast import many
from annotation.spending.money import show

# More lines than this are read by a machine: --json has all.
_MOST = 10


def cost_lines(report: CostReport) -> list[str]:
    """The report in lines of a label and a sentence."""
    if not report.limits or (not report.responses and not report.reserved and not report.spent):
        return [f"{'spent':<12}{_money(report, 0)}: project {report.project!r} gave nothing out yet", *_left(report)]
    return [
        *_whole(report),
        *_left(report),
        *_accepted(report),
        *_finish(report),
        *_tiers(report),
        *_annotators(report),
        *_reasons(report),
        *_release(report),
    ]


def _money(report: CostReport, minor: int | None) -> str:
    return show(minor or 0, report.currency)


def _line(label: str, text: str) -> str:
    return f"{label:<12}{text}"


def _whole(report: CostReport) -> Iterator[str]:
    of_it = [("gold records", report.gold), ("adjudication", report.adjudication)]
    parts = "".join(f", {_money(report, amount)} of it on {what}" for what, amount in of_it if amount)
    yield _line("spent", f"{_money(report, report.spent)} for {many(report.responses, 'answer')}{parts}")
    yield _line("reserved", _money(report, report.reserved))
    if report.corrections:
        yield _line("corrected", f"{_money(report, report.corrections)} of what is spent, by hand")
    if report.overdrawn:
        yield _line(
            "overdrawn", f"{_money(report, report.overdrawn)} was earned beyond what was reserved for its tasks"
        )


def _left(report: CostReport) -> Iterator[str]:
    limited = [limit for limit in report.limits if limit.limit is not None]
    for limit in limited:
        over = "; OVER THE LIMIT" if (limit.left or 0) < 0 else ""
        yield _line("left", f"{_money(report, limit.left)} of {_money(report, limit.limit)} ({limit.name}){over}")
    if not limited:
        yield _line("left", "these settings set no limit; annotation.budget.total does")


def _accepted(report: CostReport) -> Iterator[str]:
    if report.per_accepted is None:
        yield _line("accepted", "no record yet")
    else:
        yield _line("accepted", f"{many(report.accepted, 'record')}, {_money(report, report.per_accepted)} each")


def _finish(report: CostReport) -> Iterator[str]:
    still = report.to_finish
    if not still.tasks:
        yield _line("to finish", "nothing is open")
        return
    answers, tasks = many(still.responses, "answer"), many(still.tasks, "open task")
    text = f"{_money(report, still.amount)} reserved for {answers} on {tasks}"
    if still.adjudications is None:
        text += "; nothing like it is decided yet, so disagreement cannot be foreseen"
    elif still.adjudication_amount:
        text += f"; about {still.adjudications:.1f} more adjudications: {_money(report, still.adjudication_amount)}"
    yield _line("to finish", text + (f"; {_money(report, still.short)} SHORT" if still.short else ""))


def _tiers(report: CostReport) -> Iterator[str]:
    for tier in report.tiers:
        price = "no longer in the settings" if tier.price is None else f"at {_money(report, tier.price)}"
        yield _line(
            "tier",
            f"{tier.name}: {_money(report, tier.spent)} for {many(tier.responses, 'answer')}, "
            f"{_money(report, tier.reserved)} reserved ({price})",
        )


def _annotators(report: CostReport) -> Iterator[str]:
    for one in report.annotators[:_MOST]:
        text = f"{one.name}: {_money(report, one.spent)} for {many(one.responses, 'answer')}"
        if one.estimated_minutes is not None:
            text += f", estimated {one.estimated_minutes:.0f} min of work"
        if one.per_hour is not None:
            text += f", {_money(report, one.per_hour)} an hour"
        yield _line("annotator", text)
    if more := report.annotators[_MOST:]:
        yield _line("annotator", f"{len(more)} more: {_money(report, sum(one.spent for one in more))}")


def _reasons(report: CostReport) -> Iterator[str]:
    for reason in report.reasons[:_MOST]:
        yield _line("reason", f"{reason.name or 'none'}: {_money(report, reason.spent)}")
    if more := report.reasons[_MOST:]:
        yield _line("reason", f"{len(more)} more: {_money(report, sum(one.spent for one in more))}")


def _release(report: CostReport) -> Iterator[str]:
    if (release := report.release) is None:
        return
    each = "" if release.per_accepted is None else f", {_money(report, release.per_accepted)} each"
    yield _line(
        "release",
        f"{_money(report, release.spent)} spent and {_money(report, release.reserved)} reserved for "
        f"{release.records:,} of its records; {release.accepted:,} accepted{each}",
    )
