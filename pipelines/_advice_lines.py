"""Advice for a person: a question a paragraph, the answer first, then figures and rows that show it"""

from collections.abc import Iterator

from pipelines._shown import count, plural, share, size
from schemas.advice import Advice, Amount, Apart, EvidenceRow, Method, MethodFit, Purpose

MOST_EVIDENCE = 4
MARGIN = " " * 12


def advice_lines(advice: Advice) -> list[str]:
    """Text from the data comes in one line, its controls made visible."""
    lines: list[str] = []
    if advice.release:
        lines.append(f"release     {advice.release} ({plural(advice.rows or 0, 'released row')})")
    if advice.purpose:
        lines += _purpose(advice.purpose)
    elif advice.release:
        lines.append("finetune?   cannot be told: no released row has a prompt and an answer")
    if advice.amount:
        lines += _amount(advice.amount)
    if advice.apart:
        lines += _apart(advice.apart)
    if advice.method:
        lines += _method(advice.method)
    return lines


def _purpose(found: Purpose) -> Iterator[str]:
    yield f"finetune?   {found.verdict.upper()}: {found.says}"
    yield from (f"{MARGIN}{why}" for why in found.why)
    yield f"{MARGIN}confidence {found.confidence}: {found.confidence_because}"
    yield from _evidence(found.evidence[:MOST_EVIDENCE])


def _evidence(rows: list[EvidenceRow]) -> Iterator[str]:
    for row in rows:
        yield f"{MARGIN}{row.record_id[:12]}  {row.shows}"
        yield f"{MARGIN}  {row.prompt[:90]!r} -> {row.answer[:60]!r}"


def _amount(found: Amount) -> Iterator[str]:
    yield f"enough?     {found.says}"
    for thin in found.thin:
        has = f"{thin.terms}; {plural(thin.rows, 'row')}"
        yield f"{MARGIN}collect {count(thin.missing)} more like cluster {thin.cluster} ({has})"
    if found.thin_clusters > len(found.thin):
        others = plural(found.thin_clusters - len(found.thin), "cluster")
        yield f"{MARGIN}and {others} more; {count(found.missing)} rows in all"
    if found.missing and found.price is not None and found.per_accepted is not None:
        yield (
            f"{MARGIN}about {found.price / 100:,.2f} {found.currency}, at {found.per_accepted / 100:,.2f} for an "
            "accepted record by the cost ledger"
        )
    elif found.missing:
        yield (
            f"{MARGIN}no price: the cost ledger holds no accepted record yet "
            "(a label costs $2 to $20, an expert's $50 to $200)"
        )


def _apart(found: Apart) -> Iterator[str]:
    yield f"adapters?   {found.says}"
    yield from (f"{MARGIN}{terms}" for terms in found.groups)


def _method(found: Method) -> Iterator[str]:
    yield f"method?     {found.says}"
    yield f"{MARGIN}{found.model}; sequences of {count(found.sequence)} tokens ({found.sequence_because})"
    head = f"{'method':<14}{'memory':>9}  {'fits':<14}{'trained':>9}  {'adapter':>9}  {'batch':<18}"
    head += f"{'GPU-h':>7}{'price':>9}"
    yield MARGIN + head
    yield from (f"{MARGIN}{_fit(each)}" for each in found.fits)
    yield f"{MARGIN}throughput {found.throughput_because}"


def _fit(each: MethodFit) -> str:
    room = "yes" if each.fits else f"on {count(each.gpus)} GPUs" if each.gpus else "no"
    batch = f"{each.batch}{', recomputing' if each.checkpointing else ''}"
    hours = f"{each.hours:,.1f}" if each.hours is not None else "-"
    price = f"{each.price:,.2f}" if each.price is not None else "-"
    return (
        f"{each.method:<14}{size(each.total):>9}  {room:<14}{share(each.trainable_share):>9}  "
        f"{size(each.adapter_bytes):>9}  {batch:<18}{hours:>7}{price:>9}"
    )
