"""The cost ledger: what was promised, earned, given back and corrected, each exactly once.

    reserve   money is promised when a task is given out: the price of every answer that it asks for
    book      an answer came in and is owed; in the same transaction
    release   what the task still has reserved goes back, at most the price; or all that a task did not need
    adjust    a correction by hand, either way

    reserved  = reserve - release        spent = book + adjust        committed = reserved + spent

Amounts are integers of the currency's smallest unit. Entries are only ever appended to, and each has a key
that says what was done: what is done twice has happened once. Who writes holds the project's lock until the
transaction ends, so no two decide on the same money.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite

from annotation.spending.money import show
from annotation.store.database import as_utc, rows_in
from annotation.store.tables import ACCOUNTS, ENTRIES
from schemas.errors import StoreError

Kind = Literal["reserve", "book", "release", "adjust"]


class About(NamedTuple):
    """What money is tied to, as far as it applies."""

    tier: str
    record_id: str | None = None
    task_id: str | None = None
    annotator: str | None = None
    response_id: str | None = None
    run_id: str | None = None
    reasons: tuple[str, ...] = ()  # "family.check": why the record was asked about


class Entry(NamedTuple):
    """One line of the ledger before it is written."""

    key: str
    kind: Kind
    amount: int  # smallest units of the currency; not negative, but for adjust
    about: About
    month: str | None = None  # YYYY-MM that it counts for; null for the month of writing
    note: str | None = None


class Locked(NamedTuple):
    """A transaction that holds a project's lock: nobody else writes about its money until it ends."""

    connection: Connection
    project: str
    currency: str
    at: datetime  # UTC


class Written(NamedTuple):
    """What became of entries: a key stands in exactly one of the two."""

    new: tuple[str, ...]
    known: tuple[str, ...]  # had happened before, and has still happened once


class Sums(NamedTuple):
    """Smallest units of the project's currency."""

    reserved: int
    spent: int

    @property
    def committed(self) -> int:
        return self.reserved + self.spent


def reserve(amount: int, about: About, nth: int = 1) -> Entry:
    """The promise for a task; a task that was withdrawn and is asked again has an `nth` one."""
    return Entry(_numbered(f"reserve:{about.task_id}", nth), "reserve", amount, about)


def book(price: int, about: About, left: int, reserved_in: str | None) -> list[Entry]:
    """An answer that is owed, and what it takes out of the `left` that its task has reserved."""
    booked = Entry(f"book:{about.response_id}", "book", price, about)
    if taken := min(price, left):
        return [Entry(f"convert:{about.response_id}", "release", taken, about, reserved_in), booked]
    return [booked]


def release(left: int, about: About, reserved_in: str | None, note: str, nth: int = 1) -> Entry:
    """What a task did not need."""
    return Entry(_numbered(f"release:{about.task_id}", nth), "release", left, about, reserved_in, note)


def adjust(name: str, amount: int, about: About, note: str) -> Entry:
    """A correction by hand: positive is more spent. `name` says what is corrected, and is used once."""
    return Entry(f"adjust:{name}", "adjust", amount, about, None, note)


def month_of(moment: datetime) -> str:
    """The month in UTC that money written at `moment` counts for.

    >>> month_of(datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    '2026-01'
    """
    return as_utc(moment).strftime("%Y-%m")


@contextmanager
def locked(engine: Engine, project: str, currency: str, at: datetime | None = None) -> Iterator[Locked]:
    """A transaction with the project's lock; commits at the end, and writes nothing if that is not reached.

    `at` is the moment that what is written counts for (default: now). Raises StoreError where the project's
    money is in another currency.
    """
    with engine.begin() as connection:
        _open_account(connection, project, currency)
        same_currency(connection, project, currency, lock=True)
        yield Locked(connection, project, currency, as_utc(at or datetime.now(UTC)))


def same_currency(connection: Connection, project: str, currency: str, *, lock: bool = False) -> None:
    """Raises StoreError where the project's money is in another currency; may take the project's lock."""
    query = sa.select(ACCOUNTS.c.currency).where(ACCOUNTS.c.project == project)
    # In SQLite the transaction itself is the lock, and FOR UPDATE is left out.
    kept_in = connection.execute(query.with_for_update() if lock else query).scalar()
    if kept_in not in (None, currency):
        raise StoreError(
            f"project {project!r} keeps its money in {kept_in}, not {currency}; "
            "set annotation.currency back, or start another annotation.project"
        )


def append(lock: Locked, entries: Sequence[Entry]) -> Written:
    """Writes the entries whose key is new, in their order.

    Raises StoreError for an amount that is negative where it may not be, and for a key that was used for
    something else before.
    """
    wanted = {entry.key: entry for entry in entries}
    _once_each(lock, entries)
    columns = (ENTRIES.c.key, ENTRIES.c.kind, ENTRIES.c.amount, ENTRIES.c.project)
    known = {row.key: row for row in rows_in(lock.connection, sa.select(*columns), ENTRIES.c.key, list(wanted))}
    for key, row in known.items():
        if (row.kind, row.amount, row.project) != (wanted[key].kind, wanted[key].amount, lock.project):
            raise StoreError(
                f"{key!r} is in the ledger already as {row.kind} of {show(row.amount, lock.currency)} in project "
                f"{row.project!r}; it cannot become {show(wanted[key].amount, lock.currency)}: name it otherwise"
            )
    new = [entry for key, entry in wanted.items() if key not in known]
    if new:
        lock.connection.execute(sa.insert(ENTRIES), [_row(lock, entry) for entry in new])
    return Written(tuple(entry.key for entry in new), tuple(known))


def sums(connection: Connection, project: str, *, tier: str | None = None, month: str | None = None) -> Sums:
    """What a project has reserved and spent; of one tier, or of the entries of one month, where that is said."""
    query = sa.select(*SUM_COLUMNS).where(ENTRIES.c.project == project)
    if tier is not None:
        query = query.where(ENTRIES.c.tier == tier)
    if month is not None:
        query = query.where(ENTRIES.c.month == month)
    # PostgreSQL adds integers up to a decimal.
    return Sums(*(int(value or 0) for value in connection.execute(query).one()))


def sums_by(connection: Connection, project: str, column: sa.ColumnElement[Any]) -> dict[Any, Sums]:
    """Like `sums`, for each value of one of the entries' columns."""
    query = sa.select(column, *SUM_COLUMNS).where(ENTRIES.c.project == project).group_by(column)
    return {value: Sums(int(reserved or 0), int(spent or 0)) for value, reserved, spent in connection.execute(query)}


def _signed(*terms: tuple[Kind, int]) -> sa.ColumnElement[int]:
    whens = [(ENTRIES.c.kind == kind, ENTRIES.c.amount * sign) for kind, sign in terms]
    return sa.func.sum(sa.case(*whens, else_=0))


SUM_COLUMNS = (
    _signed(("reserve", 1), ("release", -1)).label("reserved"),
    _signed(("book", 1), ("adjust", 1)).label("spent"),
)
"""The two columns of Sums over whatever entries a query selects; null over none."""


def _numbered(key: str, nth: int) -> str:
    return key if nth == 1 else f"{key}:{nth}"


def _open_account(connection: Connection, project: str, currency: str) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(insert(ACCOUNTS).values(project=project, currency=currency).on_conflict_do_nothing())


def _once_each(lock: Locked, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.amount < 0 and entry.kind != "adjust":
            amount = show(entry.amount, lock.currency)
            raise StoreError(f"{entry.key!r} is a {entry.kind} of {amount}; only an adjustment may be below zero")
    for key, times in Counter(entry.key for entry in entries).items():
        if times > 1:
            raise StoreError(f"{key!r} stands {times} times in what is to be written at once; name each thing once")


def _row(lock: Locked, entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "kind": entry.kind,
        "amount": entry.amount,
        "currency": lock.currency,
        "project": lock.project,
        "month": entry.month or month_of(lock.at),
        "created_at": lock.at,
        **entry.about._asdict(),
        "reasons": list(entry.about.reasons),
        "note": entry.note,
    }
