"""What one person decides of one record, unasked: brought back, or kept out, by name and with a reason.

It is written into the store of what annotators decided, and the next run carries it out (stage `decide`).
"""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from pipelines._explain import lines_named
from pipelines._manifest import read_manifest
from pipelines._released import is_released
from pipelines.annotate import opened_store, settings_of
from schemas.decision import BY_HAND, REASONS, TaskKind, Verdict
from schemas.errors import UsageError
from schemas.outcome import Fate
from schemas.record import ROW_KEY, Kind
from schemas.settings import AnnotationSettings

if TYPE_CHECKING:
    from annotation.store.decisions import Decision, Line

# A sentence or two; what is longer belongs into a ticket that the reason names.
LONGEST_REASON = 2_000
# As the store's column has it.
LONGEST_NAME = 200


class Subject(NamedTuple):
    """A record that may be decided on."""

    record_id: str
    names: tuple[str, ...]  # record_id, and what it was called before it was corrected or repaired
    kind: str  # a TaskKind
    outcome: str
    place: str  # source and row, as `assay explain` takes them
    released_at: str | None  # outcome and place of the row of this content that is released; null: none is
    reasons: tuple[str, ...]


class Said(NamedTuple):
    """What was written: `decision` is in force now, or (undo) was until now."""

    subject: Subject
    decision: "Decision"
    is_new: bool


def restore(release: Path, record: str, *, why: str, by: str | None = None) -> Said:
    """Bring a record back that is not released; the next run releases it. `record` as `assay explain` takes it.

    Raises UsageError for what is released already, could not be read, or is without a reason; ReleaseError, StoreError.
    """
    return decide(release, named(release, record), Verdict.RESTORE, why=why, by=by)


def take_back(release: Path, record: str) -> Said:
    """What was decided of a record by hand holds no more. Raises UsageError where nothing was."""
    return undo(release, named(release, record))


def named(release: Path, record: str) -> Subject:
    """The one record that `record` names. Raises UsageError where it names several, or a row that could not be read."""
    lines = lines_named(release, record)
    if lines["record_id"].null_count():
        raise UsageError(f"{record}: could not be read, so there is no record; correct its source and run it again")
    if lines["record_id"].n_unique() > 1:
        raise UsageError(f"{record}: names {lines['record_id'].n_unique()} records; give the record_id of one")
    ledger, records = (pl.scan_parquet(release / f"{name}.parquet") for name in ("ledger", "records"))
    return subject_of(ledger, records, lines.row(0, named=True))


def subject_of(ledger: pl.LazyFrame, records: pl.LazyFrame, line: dict[str, Any]) -> Subject:
    """Who the ledger's `line`, of a row that could be read, is about."""
    record_id = line["record_id"]
    columns = [name for name in ("kind", "original_record_id") if name in records.collect_schema().names()]
    row = records.filter(pl.col(key) == line[key] for key in ROW_KEY).select(columns).collect().row(0, named=True)
    same = ledger.filter(is_released(), pl.col("record_id") == record_id).select(*ROW_KEY, "outcome").collect()
    return Subject(
        record_id=record_id,
        names=tuple(dict.fromkeys(name for name in (record_id, row.get("original_record_id")) if name)),
        kind=(TaskKind.PREFERENCE if row["kind"] == Kind.PREFERENCE else TaskKind.RECORD).value,
        outcome=line["outcome"],
        place=_place(line),
        released_at=f"{same['outcome'][0]}, {_place(same.row(0, named=True))}" if same.height else None,
        reasons=tuple(line["reasons"]),
    )


def decide(
    release: Path, subject: Subject, verdict: Verdict, *, why: str, by: str | None, reasons: tuple[str, ...] = ()
) -> Said:
    """Write RESTORE or REJECT; `reasons` are of REASONS. Raises UsageError where it makes no sense, StoreError."""
    _refuse(subject, verdict, reasons)
    told, who = _told(why), name_of(by)
    settings = _annotation(release)
    with opened_store() as engine:
        from annotation.spending.ledger import locked
        from annotation.store.decisions import record_decisions

        with locked(engine, settings.project, settings.currency) as lock:
            decision = _decision(lock.connection, settings.project, subject, verdict, reasons, told, who)
            new = record_decisions(lock.connection, settings.project, [decision], lock.at)
    return Said(subject, decision, bool(new))


def undo(release: Path, subject: Subject) -> Said:
    """Take back what was decided by hand; what answers decided before holds again. Raises UsageError, StoreError."""
    settings = _annotation(release)
    with opened_store() as engine:
        from annotation.spending.ledger import locked
        from annotation.store.decisions import take_back_by_hand

        with locked(engine, settings.project, settings.currency) as lock:
            gone = [take_back_by_hand(lock.connection, settings.project, name, lock.at) for name in subject.names]
    held = [decision for decision in gone if decision is not None]
    if not held:
        raise UsageError(
            f"{subject.place}: nothing was decided of it by hand; `assay explain` tells what happened to it"
        )
    return Said(subject, held[0], True)


def said_of(settings: AnnotationSettings, subject: Subject) -> list["Line"]:
    """Everything that was ever decided of the record, the oldest first; nothing where there is no store."""
    from pipelines._people import store

    with store() as engine:
        if engine is None:
            return []
        from annotation.store.database import reading
        from annotation.store.decisions import lines_of

        with reading(engine) as connection:
            return lines_of(connection, settings.project, subject.names)


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError("the system does not say who you are; give your name with --by") from error


def _decision(
    connection: Any,
    project: str,
    subject: Subject,
    verdict: Verdict,
    reasons: tuple[str, ...],
    why: str,
    by: str,
) -> "Decision":
    from annotation.store.decisions import Decision, in_force

    known = in_force(connection, project)
    # Decided on is what people were shown: a corrected record is known by its first name.
    name = next((name for name in subject.names if name in known), subject.record_id)
    before = known.get(name)
    completion = None
    if before is not None and verdict is Verdict.RESTORE:
        if before.verdict == Verdict.FIX and subject.kind == TaskKind.PREFERENCE:
            raise UsageError(f"{subject.place}: people swapped its answers, which a restored record would undo")
        completion = before.completion  # the correction stays
    return Decision(
        name, subject.kind, verdict.value, completion, reasons, why, None, {}, 1, BY_HAND, None, decided_by=by
    )


def _refuse(subject: Subject, verdict: Verdict, reasons: tuple[str, ...]) -> None:
    if verdict is Verdict.RESTORE and subject.released_at:
        raise UsageError(
            f"{subject.place}: is released already ({subject.released_at}); there is nothing to bring back"
        )
    if verdict is Verdict.REJECT and not subject.released_at and subject.outcome != Fate.REVIEW:
        raise UsageError(f"{subject.place}: is not released ({subject.outcome}); there is nothing to keep out")
    if unknown := [reason for reason in reasons if reason not in REASONS]:
        raise UsageError(f"{unknown[0][:40]!r} is no reason; use one of {', '.join(REASONS)}")


def _told(why: str) -> str:
    text = why.strip()
    if not text:
        raise UsageError("a decision by hand needs a reason; say why in a sentence (--why)")
    if len(text) > LONGEST_REASON:
        raise UsageError(f"the reason has {len(text):,} characters; say it in {LONGEST_REASON:,}")
    return _utf8(text, "the reason")


def name_of(by: str | None) -> str:
    """Who decides; without a name the user. Raises UsageError for one that is empty, too long or no text."""
    name = " ".join((_user_name() if by is None else by).split())
    if not name or len(name) > LONGEST_NAME:
        raise UsageError(f"a decision by hand needs a name of 1 to {LONGEST_NAME} characters (--by)")
    return _utf8(name, "the name")


def _utf8(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is no UTF-8 text; write it anew") from error
    return text


def _annotation(release: Path) -> AnnotationSettings:
    return settings_of(read_manifest(release), release).annotation


def _place(line: dict[str, Any]) -> str:
    return f"{line['source']}:{line['source_row']}"
