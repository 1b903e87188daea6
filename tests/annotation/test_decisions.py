"""Decisions: written once for each change, the last in force, read back as they were said."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal
from sqlalchemy import Engine

from annotation.spending.ledger import locked
from annotation.store.database import open_store, reading
from annotation.store.decisions import Decision, decisions_in_force, in_force, record_decisions
from annotation.store.tables import DECISIONS
from schemas.decision import DECISION_SCHEMA

ACCEPT = Decision(
    subject="b",
    kind="record",
    verdict="accept",
    completion=None,
    reasons=(),
    comment=None,
    domain=None,
    ratings={"correct": 13 / 3},
    annotators=3,
    method="majority",
    agreement=2 / 3,
)
FIX = ACCEPT._replace(
    subject="a", verdict="fix", completion=" \U0001f9d1\u200d\U0001f680 \u202e<b>\r\n", reasons=("wrong", "form")
)


@pytest.fixture
def store(database: str) -> Iterator[Engine]:
    engine = open_store(database)
    yield engine
    engine.dispose()


def write(store: Engine, *decisions: Decision, project: str = "assay") -> list[str]:
    with locked(store, project, "USD") as lock:
        return [decision.subject for decision in record_decisions(lock.connection, project, decisions)]


def test_what_was_written_is_read_back_and_sorted(store: Engine) -> None:
    assert write(store, ACCEPT, FIX) == ["b", "a"]
    frame = decisions_in_force(store, "assay")
    assert frame.schema == DECISION_SCHEMA
    assert frame["subject"].to_list() == ["a", "b"]
    assert frame["completion"].to_list() == [FIX.completion, None]
    assert frame["reasons"].to_list() == [["wrong", "form"], []]
    assert frame["agreement"].to_list() == [2 / 3, 2 / 3]
    with reading(store) as connection:
        assert in_force(connection, "assay") == {"a": FIX, "b": ACCEPT}


def test_only_what_changed_is_written_and_the_last_is_in_force(store: Engine) -> None:
    write(store, ACCEPT, FIX)
    assert write(store, ACCEPT, FIX) == []
    assert write(store, ACCEPT._replace(verdict="reject"), FIX) == ["b"]
    assert write(store, ACCEPT) == ["b"]  # back again: a change like any other
    with reading(store) as connection:
        lines = connection.execute(sa.select(DECISIONS.c.subject, DECISIONS.c.verdict).order_by(DECISIONS.c.id)).all()
    assert [tuple(line) for line in lines] == [("b", "accept"), ("a", "fix"), ("b", "reject"), ("b", "accept")]
    assert decisions_in_force(store, "assay")["verdict"].to_list() == ["fix", "accept"]


def test_projects_do_not_see_each_other(store: Engine) -> None:
    write(store, ACCEPT)
    write(store, ACCEPT._replace(verdict="reject"), project="other")
    assert decisions_in_force(store, "assay")["verdict"].to_list() == ["accept"]
    assert_frame_equal(decisions_in_force(store, "nobody"), DECISION_SCHEMA.to_frame())


def test_a_sign_that_no_database_holds_costs_itself_only(store: Engine) -> None:
    odd = FIX._replace(completion="before\0after", comment="\0")
    assert write(store, odd) == ["a"]
    assert write(store, odd) == []
    assert decisions_in_force(store, "assay")["completion"].to_list() == ["before\ufffdafter"]
