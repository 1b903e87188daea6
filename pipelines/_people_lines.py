"""What the commands for review by people say, in lines for a person and in figures for a machine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from annotation.spending.money import show
from pipelines._shown import one_line, plural
from schemas.settings import AnnotationSettings

if TYPE_CHECKING:
    from annotation.asking.tasks import Planned
    from annotation.exchange.client import Progress
    from annotation.exchange.pull import Pulled
    from annotation.exchange.push import Pushed
    from annotation.judging.measures import Measured
    from annotation.server.finding import Health

_UNREADABLE = "its answers cannot be read; have them given again, or delete the record on the server and push again"
# More than this is read by a machine: --json has all.
MOST = 10


def pushed_lines(plan: "Planned", sent: "Pushed", url: str, settings: AnnotationSettings) -> list[str]:
    """What was given out, what that leaves of each limit, and where to answer it."""
    from annotation.spending.forecast import limit_lines

    places = ", ".join(f"{number:,} in {name}" for name, number in sorted(sent.by_dataset.items()))
    before = f"; {sent.already:,} were there already" if sent.already else ""
    settled = f"; {sent.settled:,} are decided or being decided" if sent.settled else ""
    lines = [f"{'sent':<12}{plural(sent.new, 'task')}{': ' + places if places else ''}{before}{settled}"]
    lines.append(f"{'reserved':<12}{show(sent.reserved, settings.currency)} now")
    lines += limit_lines(sent.standings, settings.currency)
    lines += _some("skipped", [f"{one.record_id[:12]}: {one.reason}" for one in plan.skipped])
    lines += _some("refused", [f"{one.task_id}: {one_line(one.reason, 200)}" for one in sent.refused])
    lines += _some("no account", [f"{name} of tier {tier}" for tier, name in sent.absent])
    lines += [f"{'note':<12}{note}" for note in plan.notes]
    return [*lines, f"{'answer at':<12}{url}"]


def pushed_figures(plan: "Planned", sent: "Pushed", settings: AnnotationSettings) -> dict[str, Any]:
    """The same; amounts in smallest units of `currency`."""
    return {
        "sent": sent.new,
        "already": sent.already,
        "settled": sent.settled,
        "resent": sent.resent,
        "by_dataset": sent.by_dataset,
        "currency": settings.currency,
        "reserved": sent.reserved,
        "limits": {
            one.name: {name: getattr(one, name) for name in ("limit", "spent", "reserved", "left")}
            for one in sent.standings
        },
        "skipped": [one._asdict() for one in plan.skipped],
        "refused": [one._asdict() for one in sent.refused],
        "no_account": [{"tier": tier, "annotator": name} for tier, name in sent.absent],
        "notes": list(plan.notes),
    }


def pulled_lines(got: "Pulled", settings: AnnotationSettings) -> list[str]:
    """What was answered, what it cost, what is decided, and what needs somebody's attention."""
    read = got.read
    cost = show(read.amount, settings.currency)
    words = [decision.verdict for decision in got.decisions]
    verdicts = ", ".join(f"{words.count(word):,} {word}" for word in dict.fromkeys(sorted(words)))
    lines = [
        f"{'answers':<12}{read.submitted:,} submitted, {read.drafts:,} drafts, {read.discarded:,} discarded"
        f" on {plural(read.tasks, 'task')}",
        f"{'booked':<12}{plural(read.booked, 'answer')} now, {cost}",
        f"{'decided':<12}{plural(len(words), 'subject')} now{': ' + verdicts if verdicts else ''}; "
        f"{plural(got.waiting, 'task')} still open",
    ]
    lines += _some(
        "taken back",
        [f"{one.subject[:12]}: nobody stands by {one.verdict} any more, so it is open again" for one in got.retracted],
    )
    if got.again.amount:
        lines.append(f"{'reserved':<12}{show(got.again.amount, settings.currency)} anew, for what is asked again")
    lines += _some("over budget", [f"task {task}: {limit}" for task, limit in sorted(got.again.short.items())])
    if read.overdrawn:
        lines.append(f"{'overdrawn':<12}{show(read.overdrawn, settings.currency)} beyond what was reserved")
    lines += _some(
        "escalated",
        [f"{one.subject[:12]}: {one.why}; {one.fate}{' (' + one.detail + ')' if one.detail else ''}"
         for one in got.escalated],
    )  # fmt: skip
    lines += _some("discarded", [f"{task}: by everybody who looked; still open" for task in got.all_discarded])
    lines += _some("gold", _gold(got))
    lines += _some(
        "not named", [f"{name} answered in {tier} and is not in the settings" for tier, name in got.strangers]
    )
    lines += _some("unreadable", [f"task {task}: {_UNREADABLE} ({why})" for task, why in read.unreadable.items()])
    lines += _some("missing", [*read.missing_datasets, *(f"task {task}: push again" for task in read.missing_tasks)])
    return [*lines, *_agreement(got.agreement)]


def _gold(got: "Pulled") -> list[str]:
    rows = got.gold.filter(got.gold["worker"].is_in(list(got.failing))).iter_rows(named=True)
    return [
        f"{row['worker']}: {row['right']} of {row['answers']} gold records right: {row['verdict']} what is asked"
        for row in rows
    ]


def _agreement(found: Sequence["Measured"]) -> list[str]:
    lines = []
    for one in found:
        where = f"{one.tier}, {one.kind}, {one.question}"
        if one.alpha.value is None:
            lines.append(f"{'agreement':<12}{where}: {one.alpha.why}")
        else:
            interval = "" if one.alpha.low is None else f" [{one.alpha.low:.2f}, {one.alpha.high:.2f}]"
            measured = f"alpha {one.alpha.value:.2f}{interval} on {plural(one.alpha.tasks, 'task')}"
            lines.append(f"{'agreement':<12}{where}: {'; '.join([measured, *_kappas(one)])}")
    return lines


def _kappas(one: "Measured") -> list[str]:
    """Those that are defined: Cohen's of two people, Fleiss' where each task has equally many answers."""
    kappas = {"Cohen's": one.cohen.value, "Fleiss'": one.fleiss.value}
    return [f"{whose} kappa {value:.2f}" for whose, value in kappas.items() if value is not None]


def pulled_figures(got: "Pulled", settings: AnnotationSettings) -> dict[str, Any]:
    """The same; amounts in smallest units of `currency`."""
    return {
        "currency": settings.currency,
        **got.read._asdict(),
        "decided": [decision._asdict() for decision in got.decisions],
        "taken_back": [{"subject": one.subject, "verdict": one.verdict} for one in got.retracted],
        "reserved_anew": got.again.amount,
        "over_budget": got.again.short,
        "waiting": got.waiting,
        "released_reservations": got.released,
        "escalated": [one._asdict() for one in got.escalated],
        "all_discarded": list(got.all_discarded),
        "not_named": [{"tier": tier, "annotator": name} for tier, name in got.strangers],
        "gold": got.gold.to_dicts(),
        "failing_gold": list(got.failing),
        "agreement": [
            {**one._asdict(), **{name: getattr(one, name)._asdict() for name in ("alpha", "fleiss", "cohen")}}
            for one in got.agreement
        ],
    }


def status_lines(server: "Health", datasets: dict[str, "Progress"] | None = None) -> list[str]:
    """The server, then each dataset with who did how much; null where none could be asked."""
    if datasets is None:
        why = "a server that does not answer yet, or any more; ask again" if server.running else "no server runs"
        return [f"{'argilla':<12}{why}; assay annotate serve starts one, and what it knows is there again"]
    engine = f", search engine {server.engine}" if server.engine else ""
    version = f" {server.version}" if server.version else ""
    lines = [f"{'argilla':<12}{server.url}{version}{engine}"]
    for name, progress in datasets.items():
        lines.append(f"{'dataset':<12}{name}: {progress.completed:,} of {progress.total:,} done")
        for person, did in sorted(progress.users.items()):
            counts = ", ".join(f"{number:,} {status}" for status, number in did.items() if number)
            lines.append(f"  {person}: {counts or 'nothing yet'}")
    return lines if datasets else [*lines, f"{'datasets':<12}none of this project"]


def _some(label: str, entries: Sequence[str]) -> list[str]:
    more = [f"{label:<12}and {len(entries) - MOST:,} more"] if len(entries) > MOST else []
    return [*(f"{label:<12}{one_line(entry, 300)}" for entry in entries[:MOST]), *more]
