"""Similarity search: near and far, by record and by vector, with filters, and after changes."""

from collections.abc import Callable
from typing import Any

import pytest

FIELDS = {"prompt": {"type": "text", "use_markdown": False}}
QUESTIONS = {"ok": {"type": "rating", "options": [{"value": 0}, {"value": 1}]}}
# On a circle, by degrees: 0, 30, 90, 180; lengths do not count.
VECTORS = {"east": [2, 0], "thirty": [0.8660254, 0.5], "north": [0, 7], "west": [-0.001, 0]}


@pytest.fixture
def shelf(make_shelf: Callable[..., Any]) -> Any:
    """Four directions, and a record without a vector."""
    made = make_shelf(
        fields=FIELDS, questions=QUESTIONS, metadata={"far": {"type": "terms"}}, vectors={"v": 2, "other": 3}
    )
    made.add(
        {
            name: {
                "fields": {"prompt": f"to the {name}"},
                "metadata": {"far": str(place > 1)},
                "vectors": {"v": vector},
            }
            for place, (name, vector) in enumerate(VECTORS.items())
        }
    )
    made.add({"none": {"fields": {"prompt": "to nowhere"}}})
    return made


def like(order: str = "most_similar", name: str = "v", **what: Any) -> Any:
    return {"query": {"vector": {"name": name, "order": order, **what}}}


def scores(shelf: Any, body: Any, limit: int = 50) -> dict[str, float]:
    page = shelf.page(body, limit=limit)
    return {item["record"]["external_id"]: round(item["query_score"], 3) for item in page["items"]}


def test_the_nearest_come_first_with_scores_of_the_angle(shelf: Any) -> None:
    expected = {"east": 1.0, "thirty": 0.933, "north": 0.5, "west": 0.0}
    found = scores(shelf, like(value=[1, 0]))
    assert found == expected
    assert list(found) == list(expected)


def test_the_least_similar_come_first_when_asked(shelf: Any) -> None:
    assert list(scores(shelf, like("least_similar", value=[1, 0]))) == ["west", "north", "thirty", "east"]
    assert scores(shelf, like("least_similar", value=[1, 0]), limit=1) == {"west": 1.0}


def test_a_record_is_not_similar_to_itself(shelf: Any, ana: Any) -> None:
    body = like(record_id=shelf.records["thirty"])
    assert shelf.find(body) == ["east", "north", "west"]
    assert shelf.find(body, ana, mine=True) == ["east", "north", "west"]


def test_text_and_filters_leave_out(shelf: Any) -> None:
    body = like(value=[1, 0])
    body["query"]["text"] = {"q": "-north"}
    assert shelf.find(body) == ["east", "thirty", "west"]
    scope = {"entity": "metadata", "metadata_property": "far"}
    body["filters"] = {"and": [{"type": "terms", "scope": scope, "values": ["True"]}]}
    assert shelf.find(body) == ["west"]
    body["query"]["text"] = {"q": "nobody"}
    assert shelf.find(body) == []


def test_pages_follow_each_other(shelf: Any) -> None:
    body = like(value=[1, 0])
    pages = [shelf.page(body, limit=2, offset=start)["items"] for start in (0, 2, 4)]
    assert [item["record"]["external_id"] for page in pages for item in page] == list(VECTORS)


def test_a_changed_vector_counts_at_once(shelf: Any, owner: Any) -> None:
    before = shelf.find(like(value=[1, 0]))
    shelf.add({"west": {"fields": {"prompt": "turned"}, "vectors": {"v": [5, 0.1]}}})
    shelf.add({"none": {"fields": {"prompt": "found"}, "vectors": {"v": [-1, -1]}}})
    owner.call("PATCH", f"/records/{shelf.records['thirty']}", {"vectors": {"v": [-1, 0.1]}})
    assert before == ["east", "thirty", "north", "west"]
    assert shelf.find(like(value=[1, 0])) == ["east", "west", "north", "none", "thirty"]


def test_a_deleted_record_is_forgotten_and_a_new_one_seen(shelf: Any, owner: Any) -> None:
    assert len(shelf.find(like(value=[1, 0]))) == 4
    # As many as before, so a count alone would not tell.
    owner.call("DELETE", f"/datasets/{shelf.id}/records?ids={shelf.records['east']}")
    shelf.add({"new": {"fields": {"prompt": "x"}, "vectors": {"v": [1, 1]}}})
    assert shelf.find(like(value=[1, 0])) == ["thirty", "new", "north", "west"]


def test_vectors_without_direction_are_in_the_middle(shelf: Any) -> None:
    shelf.add({"zero": {"fields": {"prompt": "x"}, "vectors": {"v": [0, 0]}}})
    assert scores(shelf, like(value=[1, 0]))["zero"] == 0.5
    assert set(scores(shelf, like(value=[0.0, 0.0])).values()) == {0.5}
    assert scores(shelf, like(value=[1e300, 0]))["east"] == 1.0


def test_what_cannot_be_compared_is_refused(shelf: Any) -> None:
    short = shelf.ask(like(value=[1]))
    assert (short.status_code, "has 2 numbers, not 1" in short.text) == (422, True)
    assert shelf.ask(like(value=[1, 0], name="no-such")).status_code == 422
    assert shelf.ask(like(record_id=shelf.records["none"])).status_code == 422
    assert shelf.ask(like(value=[1, 0], record_id=shelf.records["east"])).status_code == 422
    assert shelf.find(like(value=[1, 0, 0], name="other")) == []


def test_more_vectors_than_one_piece_are_all_read(make_shelf: Callable[..., Any]) -> None:
    shelf = make_shelf(fields=FIELDS, questions=QUESTIONS, vectors={"v": 2})
    shelf.add({str(n): {"fields": {"prompt": "x"}, "vectors": {"v": [1, n / 1000]}} for n in range(2200)})
    page = shelf.page(like(value=[1, 0]), limit=5)
    assert [item["record"]["external_id"] for item in page["items"]] == ["0", "1", "2", "3", "4"]
    far = shelf.page(like("least_similar", value=[1, 0]), limit=3)
    assert [item["record"]["external_id"] for item in far["items"]] == ["2199", "2198", "2197"]
