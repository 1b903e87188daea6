"""The cost ledger only grows, and what is done twice has happened once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from annotation.spending.ledger import (
    About,
    Entry,
    Sums,
    adjust,
    append,
    book,
    locked,
    release,
    reserve,
    sums,
    sums_by,
)
from annotation.store.database import open_store, reading
from annotation.store.tables import ENTRIES
from schemas.errors import StoreError

JUNE = datetime(2026, 6, 30, 12, tzinfo=UTC)
JULY = datetime(2026, 7, 1, 12, tzinfo=UTC)
TASK = About("crowd", record_id="r1", task_id="t1", run_id="run", reasons=("length.short", "refusal.full"))
ANSWER = TASK._replace(annotator="ana", response_id="a1")


@pytest.fixture
def store(database: str) -> Iterator[Engine]:
    engine = open_store(database)
    yield engine
    engine.dispose()


def write(store: Engine, *entries: Entry, project: str = "assay", at: datetime = JUNE) -> tuple[str, ...]:
    """The keys that were new."""
    with locked(store, project, "USD", at) as lock:
        return append(lock, entries).new


def total(store: Engine, project: str = "assay", **narrower: str) -> Sums:
    with reading(store) as connection:
        return sums(connection, project, **narrower)


def test_a_promise_becomes_a_payment(store: Engine) -> None:
    write(store, reserve(600, TASK))
    assert total(store) == Sums(reserved=600, spent=0)
    write(store, *book(200, ANSWER, left=600, reserved_in="2026-06"))
    assert total(store) == Sums(reserved=400, spent=200)
    assert total(store).committed == 600
    write(store, release(400, TASK, "2026-06", "decided by one answer"))
    assert total(store) == Sums(reserved=0, spent=200)


def test_what_is_earned_beyond_the_promise_is_booked_all_the_same(store: Engine) -> None:
    write(store, reserve(100, TASK))
    write(store, *book(200, ANSWER, left=100, reserved_in="2026-06"))
    assert total(store) == Sums(reserved=0, spent=200)
    write(store, *book(200, ANSWER._replace(response_id="a2"), left=0, reserved_in=None))
    assert total(store) == Sums(reserved=0, spent=400)


def test_doing_it_twice_has_happened_once_and_says_so(store: Engine) -> None:
    entries = [reserve(600, TASK), *book(200, ANSWER, left=600, reserved_in=None)]
    assert write(store, *entries) == ("reserve:t1", "convert:a1", "book:a1")
    with locked(store, "assay", "USD") as lock:
        written = append(lock, entries)
    assert written.new == ()
    assert set(written.known) == {"reserve:t1", "convert:a1", "book:a1"}
    assert total(store) == Sums(reserved=400, spent=200)


def test_a_name_means_one_thing(store: Engine) -> None:
    write(store, adjust("bonus-june", 500, About("crowd"), "for ana"))
    with pytest.raises(StoreError, match=r"already as adjust of \$5\.00 in project 'assay'; it cannot become \$7\.00"):
        write(store, adjust("bonus-june", 700, About("crowd"), "for ana"))
    with pytest.raises(StoreError, match="in project 'assay'"):
        write(store, adjust("bonus-june", 500, About("crowd"), "for ana"), project="other")
    with pytest.raises(StoreError, match="stands 2 times in what is to be written at once"):
        write(store, reserve(1, TASK), reserve(2, TASK))
    assert total(store) == Sums(reserved=0, spent=500)


def test_only_an_adjustment_takes_back(store: Engine) -> None:
    with pytest.raises(StoreError, match=r"'reserve:t1' is a reserve of -\$6\.00; only an adjustment may be below"):
        write(store, reserve(-600, TASK))
    write(store, adjust("paid-twice-by-hand", -250, ANSWER, "agreed with ana"))
    assert total(store) == Sums(reserved=0, spent=-250)


def test_each_entry_says_what_it_is_about(store: Engine) -> None:
    write(store, *book(200, ANSWER, left=0, reserved_in=None), at=JULY)
    with reading(store) as connection:
        row = connection.execute(sa.select(ENTRIES)).one()
    assert (row.tier, row.record_id, row.task_id, row.annotator) == ("crowd", "r1", "t1", "ana")
    assert (row.response_id, row.run_id, row.month, row.currency) == ("a1", "run", "2026-07", "USD")
    assert row.reasons == ["length.short", "refusal.full"]


def test_a_project_has_one_currency_for_good(store: Engine) -> None:
    write(store, reserve(600, TASK))
    with (
        pytest.raises(StoreError, match="project 'assay' keeps its money in USD, not EUR; set"),
        locked(store, "assay", "EUR"),
    ):
        pytest.fail("the lock was given")
    with locked(store, "berlin", "EUR") as lock:
        append(lock, [reserve(600, TASK._replace(task_id="t2"))])
    assert total(store, "berlin") == total(store) == Sums(reserved=600, spent=0)


def test_nothing_of_a_transaction_that_fails_is_written(store: Engine) -> None:
    def fail_on_the_way() -> None:
        with locked(store, "assay", "USD") as lock:
            append(lock, [reserve(600, TASK)])
            raise KeyError("something else")

    with pytest.raises(KeyError):
        fail_on_the_way()
    assert total(store) == Sums(0, 0)


def test_a_database_that_goes_away_for_a_moment_costs_a_line_and_nothing_else(
    store: Engine, database: str, request: pytest.FixtureRequest
) -> None:
    if not database.startswith("postgresql"):
        pytest.skip("a server that goes away: SQLite in this form is a file")
    server = request.getfixturevalue("postgresql")
    here = database.rpartition("/")[2]

    def cut_off() -> None:
        server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{here}'")

    def cut_off_on_the_way() -> None:
        with locked(store, "assay", "USD") as lock:
            append(lock, [reserve(600, TASK)])
            cut_off()

    with pytest.raises(StoreError) as told:
        cut_off_on_the_way()
    assert "\n" not in str(told.value)
    cut_off()  # and the connections that were idle
    assert total(store) == Sums(0, 0)
    write(store, reserve(600, TASK))
    assert total(store) == Sums(600, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET amount = 0",
        "UPDATE entries SET note = 'for the record' WHERE id = 1",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries (id, key, kind, amount, currency, project, tier, month, created_at) "
        "VALUES (1, 'reserve:t1', 'reserve', 0, 'USD', 'assay', 'crowd', '2026-06', '2026-06-01')",
        "TRUNCATE entries",
    ],
)
def test_the_database_itself_refuses_to_change_the_past(store: Engine, statement: str) -> None:
    only = "sqlite" if "REPLACE" in statement else "postgresql" if "TRUNCATE" in statement else store.dialect.name
    if store.dialect.name != only:
        pytest.skip(f"{statement.split()[0]} in this form is {only}'s")
    write(store, reserve(600, TASK))
    with (
        pytest.raises(sa.exc.IntegrityError, match="entries are only ever appended to"),
        store.begin() as connection,
    ):
        connection.exec_driver_sql(statement)
    assert total(store) == Sums(reserved=600, spent=0)


def test_sums_by_month_hold_what_was_booked_in_it(store: Engine) -> None:
    write(store, reserve(600, TASK), at=JUNE)
    write(store, *book(200, ANSWER, left=600, reserved_in="2026-06"), at=JULY)
    assert total(store, month="2026-06") == Sums(reserved=400, spent=0)
    assert total(store, month="2026-07") == Sums(reserved=0, spent=200)
    with reading(store) as connection:
        assert sums_by(connection, "assay", ENTRIES.c.month) == {"2026-06": Sums(400, 0), "2026-07": Sums(0, 200)}
        assert sums_by(connection, "assay", ENTRIES.c.tier) == {"crowd": Sums(400, 200)}


_PROJECTS = count()
_STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "book", "release", "adjust"]), st.integers(0, 4), st.integers(0, 10**12)),
    max_size=25,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_the_sums_are_those_of_a_plain_account_whatever_was_done(
    store: Engine, steps: list[tuple[str, int, int]]
) -> None:
    project = f"p{next(_PROJECTS)}"
    reserved: dict[str, int] = {}
    seen: set[str] = set()
    spent = 0
    for kind, number, amount in steps:
        name = f"{project}-{number}"
        about = About("crowd", task_id=name, annotator="ana", response_id=name)
        left = reserved.get(name, 0)
        entries = {
            "reserve": [reserve(amount, about)],
            "book": book(amount, about, left, None),
            "release": [release(left, about, None, "decided")],
            "adjust": [adjust(name, -amount, about, "by hand")],
        }[kind]
        if entries[-1].key in seen:
            continue
        seen.add(entries[-1].key)
        write(store, *entries, project=project)
        assert write(store, *entries, project=project) == ()
        reserved[name] = {"reserve": amount, "book": left - min(amount, left), "release": 0, "adjust": left}[kind]
        spent += {"book": amount, "adjust": -amount}.get(kind, 0)
    assert total(store, project) == Sums(sum(reserved.values()), spent)
