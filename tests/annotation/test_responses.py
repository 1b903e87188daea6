"""Pages of a list that changes while it is read, and times that do not say their zone."""

from typing import Any

import pytest

from annotation.exchange import responses
from annotation.exchange.responses import Answer, Listing, listings, page
from annotation.exchange.transport import Refusal
from schemas.errors import AnnotationError


class Server:
    """A list as the server pages it, which `before` may change before each page."""

    def __init__(self, count: int, size: int = 1000) -> None:
        self.ids = [f"{number:05}" for number in range(count)]
        self.size, self.asked = size, 0
        self.limits: list[int] = []

    def before(self) -> None:
        pass

    def fetch(self, offset: int, limit: int) -> tuple[dict[str, Any], int]:
        self.asked += 1
        self.limits.append(limit)
        self.before()
        some = self.ids[offset : offset + limit]
        items = [{"id": name, "external_id": name} for name in some]
        return {"items": items, "total": len(self.ids)}, self.size * len(items)

    def read(self) -> list[str]:
        return [record["id"] for listing in listings(self.fetch, "d") for record in listing.records]


@pytest.mark.parametrize("count", [0, 1, 50, 51, 2345])
def test_every_record_comes_once(count: int) -> None:
    server = Server(count)
    assert server.read() == server.ids


def test_large_records_come_in_small_pages() -> None:
    small, large = Server(3000, size=100), Server(200, size=1_000_000)
    assert small.read() == small.ids
    assert large.read() == large.ids
    assert max(small.limits) == responses.LARGEST_PAGE
    assert large.limits[1] == 8


def test_what_is_added_meanwhile_comes_too_without_reading_again() -> None:
    server = Server(500, size=responses.PAGE_BYTES // 100)

    def add() -> None:
        if server.asked == 2:
            server.ids += ["new-1", "new-2"]

    server.before = add  # type: ignore[method-assign]
    assert server.read() == server.ids
    assert server.asked == 6


def test_what_slips_through_while_others_are_deleted_is_found() -> None:
    server = Server(500, size=responses.PAGE_BYTES // 100)

    def delete_the_first() -> None:
        if server.asked == 2:
            del server.ids[:30]

    server.before = delete_the_first  # type: ignore[method-assign]
    assert set(server.read()) >= set(server.ids)
    assert server.asked > 5


def test_a_list_that_never_holds_still_is_an_error() -> None:
    server = Server(300, size=responses.PAGE_BYTES // 100)

    def delete_one() -> None:
        del server.ids[0]

    server.before = delete_one  # type: ignore[method-assign]
    with pytest.raises(AnnotationError, match="kept changing while it was read"):
        server.read()


class Broken(Server):
    """It cannot tell what was said of some records."""

    def __init__(self, count: int, *unreadable: int) -> None:
        super().__init__(count)
        self.unreadable = {f"{number:05}" for number in unreadable}

    def fetch(self, offset: int, limit: int) -> tuple[dict[str, Any], int]:
        page, size = super().fetch(offset, limit)
        if self.unreadable & {item["id"] for item in page["items"]}:
            raise Refusal("refused", 422, "surrogates not allowed")
        return page, size

    def bare(self, offset: int, limit: int) -> tuple[dict[str, Any], int]:
        return Server.fetch(self, offset, limit)


@pytest.mark.parametrize(
    ("count", "unreadable"),
    [(1, [0]), (50, [49]), (51, [50]), (2345, [1234]), (2345, [0, 1, 49, 50, 51, 2344]), (3, [0, 1, 2])],
)
def test_a_page_that_is_refused_costs_the_records_that_cannot_be_told(count: int, unreadable: list[int]) -> None:
    server = Broken(count, *unreadable)
    found = list(listings(server.fetch, "d", server.bare))
    read = [record["id"] for listing in found for record in listing.records]
    told = [(record["id"], why) for listing in found for record, why in listing.unreadable]
    assert told == [(name, "surrogates not allowed") for name in sorted(server.unreadable)]
    assert read == [name for name in server.ids if name not in server.unreadable]
    # Halved, and not counted down.
    assert server.asked < 15 + 14 * len(unreadable)


def test_a_server_that_refuses_everything_is_an_error() -> None:
    server = Broken(3, 0)
    with pytest.raises(Refusal):
        list(listings(server.fetch, "d", server.fetch))
    with pytest.raises(Refusal):
        server.read()


def test_answers_are_told_with_names_and_zone() -> None:
    said = {
        "id": "r",
        "user_id": "u",
        "status": "submitted",
        "values": {"verdict": {"value": "fix"}, "best": {"value": [{"value": "a", "rank": 1}]}},
        "inserted_at": "2026-01-01T12:00:00.250000",
        "updated_at": "2026-01-01T14:00:00+01:00",
    }
    draft = {**said, "id": "s", "user_id": "gone", "values": None, "status": "draft"}
    listing = Listing(
        [{"id": "1", "external_id": "t", "responses": [said, draft]}, {"id": "2", "external_id": None}], 2
    )
    found = page(listing, {"u": "ana"})
    assert found.task_ids == ["t"]
    assert [(one.annotator, one.status) for one in found.answers] == [("ana", "submitted"), ("gone", "draft")]
    first = found.answers[0]
    assert isinstance(first, Answer)
    assert first.answers == {"verdict": "fix", "best": [{"value": "a", "rank": 1}]}
    assert first.inserted_at.isoformat() == "2026-01-01T12:00:00.250000+00:00"
    assert first.updated_at.isoformat() == "2026-01-01T13:00:00+00:00"
