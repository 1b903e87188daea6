"""Vectors in memory: read in pieces, kept up to date, compared as brute force does, dropped when too many."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.server.embedded import tables, vectors
from annotation.server.embedded.sql import Sql


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """The table of vectors alone, and nothing in memory."""
    monkeypatch.setattr(vectors, "_HELD", type(vectors._HELD)())
    with sqlite3.connect(":memory:") as connection:
        connection.execute(tables.VECTORS.objects["assay_vectors"])
        yield connection
    connection.close()


def put(database: sqlite3.Connection, key: int, vector: list[float], settings: str = "s") -> None:
    database.execute("DELETE FROM assay_vectors WHERE key = ? AND settings_id = ?", (key, settings))
    blob = vectors.unit(np.array(vector)).tobytes()
    database.execute("INSERT INTO assay_vectors (settings_id, key, unit) VALUES (?, ?, ?)", (settings, key, blob))


def current(database: sqlite3.Connection, settings: str = "s") -> tuple[vectors.Held, int]:
    """What is held now, and how many vectors were read for it."""
    read = 0

    async def rows(statement: Sql) -> Sequence[Any]:
        nonlocal read
        found = database.execute(statement.text, statement.parameters).fetchall()
        read += len(found) if "unit" in statement.text else 0
        return found

    return asyncio.run(vectors.current(rows, settings, "dataset", 2)), read


def test_only_what_is_new_is_read(database: sqlite3.Connection) -> None:
    for key in range(5):
        put(database, key, [1, key])
    assert current(database)[1] == 5
    assert current(database)[1] == 0
    put(database, 2, [0, -1])
    put(database, 9, [-1, 0])
    held, read = current(database)
    assert read == 2
    assert sorted(held.keys) == [0, 1, 2, 3, 4, 9]
    assert held.units[held.keys == 2].tolist() == [[0, -1]]


def test_one_out_and_one_in_are_both_seen(database: sqlite3.Connection) -> None:
    put(database, 1, [1, 0])
    put(database, 2, [0, 1])
    current(database)
    database.execute("DELETE FROM assay_vectors WHERE key = 1")
    put(database, 3, [1, 1])
    assert current(database)[0].keys.tolist() == [2, 3]
    database.execute("DELETE FROM assay_vectors")
    assert current(database)[0].keys.tolist() == []


def test_pieces_make_a_whole(database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "PIECE_ROWS", 3)
    for key in range(10):
        put(database, key, [1, key])
    held, read = current(database)
    assert (held.keys.tolist(), read) == (list(range(10)), 10)


def test_what_was_used_longest_ago_goes_first(database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "MOST_BYTES", 2 * 8)  # two vectors of two numbers
    for settings in ("a", "b", "c"):
        put(database, 1, [1, 0], settings)
    for settings in ("a", "b", "a", "c"):
        current(database, settings)
    assert [current(database, settings)[1] for settings in ("c", "a", "b")] == [0, 0, 1]


def test_a_dataset_is_forgotten_at_once(database: sqlite3.Connection) -> None:
    put(database, 1, [1, 0])
    current(database)
    vectors.forget("another")
    assert current(database)[1] == 0
    vectors.forget("dataset")
    assert current(database)[1] == 1


def test_bytes_of_another_length_count_as_no_direction(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO assay_vectors (settings_id, key, unit) VALUES ('s', 1, x'00')")
    assert current(database)[0].units.tolist() == [[0, 0]]


@given(
    st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=1, max_size=30),
    st.integers(1, 40),
    st.sampled_from([1, -1]),
    st.none() | st.sets(st.integers(0, 29)),
)
def test_the_nearest_are_those_of_brute_force(
    rows: list[tuple[int, ...]], most: int, sign: int, among: set[int] | None
) -> None:
    units = np.array([vectors.unit(np.array(row, dtype=float)) for row in rows])
    keys = np.arange(len(rows))
    held = vectors.Held("d", keys, keys, units)
    wanted = vectors.unit(np.array([1.0, 2.0, -1.0]))
    chosen = None if among is None else np.array(sorted(among), dtype=np.int64)
    hits = vectors.nearest(held, wanted, most, sign=sign, among=chosen)
    score = {key: (1 + sign * float(np.clip(units[key] @ wanted, -1, 1))) / 2 for key in range(len(rows))}
    left = [key for key in score if among is None or key in among]
    assert len(hits.keys) == min(most, len(left))
    assert set(hits.keys.tolist()) <= set(left)
    expected = sorted((score[key] for key in left), reverse=True)[:most]
    assert hits.scores.tolist() == pytest.approx(expected, abs=1e-6)
    assert [score[key] for key in hits.keys.tolist()] == pytest.approx(expected, abs=1e-6)
