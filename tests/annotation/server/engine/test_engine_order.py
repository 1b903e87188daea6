"""Each annotator's own order, page by page, and the tables behind: made anew, and shared by processes."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

FIELDS = {"prompt": {"type": "text", "use_markdown": False}}
QUESTIONS = {"ok": {"type": "rating", "options": [{"value": 0}, {"value": 1}]}}


@pytest.fixture(scope="module")
def shelf(make_shelf: Callable[..., Any]) -> Any:
    """A thousand records, every third of a kind."""
    made = make_shelf(fields=FIELDS, questions=QUESTIONS, metadata={"kind": {"type": "integer"}}, vectors={"v": 3})
    made.add(
        {
            str(number): {
                "fields": {"prompt": f"word{number} everywhere"},
                "metadata": {"kind": number % 3},
                "vectors": {"v": [1, number, 0]},
            }
            for number in range(1000)
        }
    )
    return made


def walk(shelf: Any, who: Any, size: int, body: Any = None) -> list[int]:
    """The whole queue of a person, page by page."""
    pages = [shelf.page(body or {}, who, mine=True, limit=size, offset=start) for start in range(0, 1000, size)]
    return [int(item["record"]["external_id"]) for page in pages for item in page["items"]]


@pytest.fixture(scope="module")
def queues(shelf: Any, ana: Any, ben: Any) -> list[list[int]]:
    """Ana's and Ben's queues, in pages of 100."""
    return [walk(shelf, who, 100) for who in (ana, ben)]


def test_every_page_of_ones_own_order_has_every_record_once_and_stays(
    shelf: Any, ana: Any, queues: list[list[int]]
) -> None:
    for queue in queues:
        assert sorted(queue) == list(range(1000))
        assert queue != sorted(queue)
    assert walk(shelf, ana, 1000) == queues[0]


def test_two_people_meet_at_few_records(queues: list[list[int]]) -> None:
    anas, bens = queues
    assert len(set(anas[:50]) & set(bens[:50])) < 12  # 2.5 by chance


def test_ones_own_order_has_no_pattern(queues: list[list[int]]) -> None:
    for queue in queues:
        # Neighbours in the queue are strangers in the dataset: a third of its length apart by chance.
        assert 280 < sum(abs(one - other) for one, other in pairwise(queue)) / 999 < 390
        # Records logged in turns do not come in runs: 1 of 3 is like the one before by chance.
        assert 230 < sum(one % 3 == other % 3 for one, other in pairwise(queue)) < 440


def test_a_filter_keeps_the_order_of_what_it_keeps(shelf: Any, ana: Any, queues: list[list[int]]) -> None:
    scope = {"entity": "metadata", "metadata_property": "kind"}
    body = {"filters": {"and": [{"type": "terms", "scope": scope, "values": ["1"]}]}}
    assert walk(shelf, ana, 500, body) == [number for number in queues[0] if number % 3 == 1]


def test_work_done_leaves_the_queue_and_moves_nothing_else(make_shelf: Callable[..., Any], ana: Any, ben: Any) -> None:
    shelf = make_shelf(fields=FIELDS, questions=QUESTIONS)
    shelf.add({str(number): {"fields": {"prompt": "x"}} for number in range(40)})
    pending = {"type": "terms", "scope": {"entity": "response", "property": "status"}, "values": ["pending"]}
    open_ = {"type": "terms", "scope": {"entity": "record", "property": "status"}, "values": ["pending"]}
    body = {"filters": {"and": [pending, open_]}}
    before = {who: shelf.find(body, who, mine=True) for who in (ana, ben)}
    for name in before[ana][:3]:
        shelf.respond(ana, name, ok=1)
    shelf.add({"late": {"fields": {"prompt": "x"}}})
    for who, queue in before.items():
        after = [name for name in shelf.find(body, who, mine=True) if name != "late"]
        assert after == [name for name in queue if name not in before[ana][:3]]


def test_without_a_user_records_come_as_they_came(shelf: Any) -> None:
    page = shelf.page({}, limit=5, offset=500)
    assert [item["record"]["external_id"] for item in page["items"]] == ["500", "501", "502", "503", "504"]
    assert page["total"] == 1000


@pytest.fixture
def direct(database: Path) -> Iterator[sqlite3.Connection]:
    """The database as another program sees it."""
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        yield connection


def objects(direct: sqlite3.Connection) -> dict[str, str]:
    return dict(direct.execute("SELECT name, type FROM sqlite_master WHERE name LIKE 'assay%' ORDER BY name"))


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE assay_text_{id}",
        "DROP TRIGGER assay_text_{id}_changed",
        "DROP TRIGGER assay_records_new",
        "DROP TABLE assay_vectors",
        "DROP TABLE assay_records",
        "DROP TRIGGER assay_records_gone;CREATE TRIGGER assay_records_gone AFTER DELETE ON records BEGIN SELECT 1; END",
    ],
)
def test_tables_that_are_lost_or_of_another_make_are_made_anew(
    make_shelf: Callable[..., Any], direct: sqlite3.Connection, ana: Any, damage: str
) -> None:
    shelf = make_shelf(fields=FIELDS, questions=QUESTIONS, metadata={"n": {"type": "integer"}}, vectors={"v": 2})
    old = {"fields": {"prompt": "early bird"}, "metadata": {"n": 1}, "vectors": {"v": [1, 0]}}
    new = {"fields": {"prompt": "late worm"}, "metadata": {"n": 2}, "vectors": {"v": [0, 1]}}
    shelf.add({"a": old})
    near = {"query": {"vector": {"name": "v", "value": [1, 0.1]}}}
    assert shelf.find(near) == ["a"]
    kinds = objects(direct)
    direct.executescript(damage.replace("{id}", shelf.id.replace("-", "")))
    assert shelf.text("bird") == {"a"}
    shelf.add({"b": new})
    assert shelf.text("worm") == {"b"}
    assert shelf.find(near) == ["a", "b"]
    assert shelf.find({"sort": [{"scope": {"entity": "metadata", "metadata_property": "n"}, "order": "desc"}]}) == [
        "b",
        "a",
    ]
    assert sorted(shelf.find({}, ana, mine=True)) == ["a", "b"]
    assert shelf.owner.call("GET", f"/datasets/{shelf.id}/progress")["total"] == 2
    # Others' text tables knew lost keys: they come back when they are next searched.
    assert objects(direct).items() <= kinds.items()


def test_what_another_process_writes_is_found_at_once(
    make_shelf: Callable[..., Any], direct: sqlite3.Connection
) -> None:
    shelf = make_shelf(fields=FIELDS, questions=QUESTIONS, metadata={"n": {"type": "integer"}}, vectors={"v": 2})
    shelf.add(
        {
            "a": {"fields": {"prompt": "old text"}, "metadata": {"n": 1}, "vectors": {"v": [1, 0]}},
            "b": {"fields": {"prompt": "b"}},
        }
    )
    near = {"query": {"vector": {"name": "v", "value": [1, 0.1]}}}
    assert shelf.find(near) == ["a"]
    record_id = shelf.records["a"].replace("-", "")
    # Metadata and status need no function of ours, text and vectors do: without it a writer is stopped.
    direct.execute("""UPDATE records SET metadata = '{"n": 7}', status = 'completed' WHERE id = ?""", (record_id,))
    with pytest.raises(sqlite3.OperationalError, match="no such function: assay_words"):
        direct.execute("""UPDATE records SET fields = '{"prompt": "new text"}' WHERE id = ?""", (record_id,))
    direct.create_function("assay_words_1", 2, lambda fields, name: "new text", deterministic=True)
    direct.execute("PRAGMA foreign_keys = ON")
    direct.execute("""UPDATE records SET fields = '{"prompt": "new text"}' WHERE id = ?""", (record_id,))
    wanted = {"type": "range", "scope": {"entity": "metadata", "metadata_property": "n"}, "ge": 7}
    assert shelf.find({"filters": {"and": [wanted]}}) == ["a"]
    assert (shelf.text("old"), shelf.text("new")) == (set(), {"a"})
    direct.execute("DELETE FROM records WHERE id = ?", (record_id,))
    assert shelf.text("new") == set()
    assert shelf.find(near) == []


def test_a_deleted_dataset_leaves_nothing(
    make_shelf: Callable[..., Any], direct: sqlite3.Connection, owner: Any
) -> None:
    shelf = make_shelf(fields=FIELDS, questions=QUESTIONS, vectors={"v": 2})
    shelf.add({"a": {"fields": {"prompt": "x"}, "vectors": {"v": [1, 0]}}})
    dataset_id = shelf.id.replace("-", "")
    vectors = "SELECT count(*) FROM assay_vectors WHERE settings_id = ?"
    settings_id = shelf.made["v"].replace("-", "")
    assert direct.execute(vectors, (settings_id,)).fetchone() == (1,)
    owner.call("DELETE", f"/datasets/{shelf.id}")
    assert not [name for name in objects(direct) if dataset_id in name]
    assert direct.execute("SELECT count(*) FROM assay_records WHERE dataset_id = ?", (dataset_id,)).fetchone() == (0,)
    assert direct.execute(vectors, (settings_id,)).fetchone() == (0,)
