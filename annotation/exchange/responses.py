"""What people answered, as the server tells it: read page by page, with none missed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from annotation.exchange.transport import Refusal
from schemas.errors import AnnotationError

# A page's size in bytes is not known before it is there; the first page is small.
FIRST_PAGE = 50
LARGEST_PAGE = 1000  # the server's limit
PAGE_BYTES = 8 * 2**20
# Reading by offset misses records while others are added or deleted; so often the list is read again.
PASSES = 4


class Answer(NamedTuple):
    """One person's response to one task."""

    response_id: str
    task_id: str
    annotator: str  # username
    status: str  # submitted, draft, discarded
    answers: dict[str, Any]  # question -> value; empty where nothing was filled in
    inserted_at: datetime  # UTC
    updated_at: datetime  # UTC


class Page(NamedTuple):
    """A page of a dataset: the tasks on it, in the server's order, and everything said of them."""

    task_ids: list[str]
    answers: list[Answer]
    metadata: dict[str, dict[str, Any]]  # task id -> what the task can be filtered by
    unreadable: dict[str, str]  # task id -> why the server cannot tell what was said of it


class Listing(NamedTuple):
    records: list[dict[str, Any]]  # as the server gives them
    total: int
    unreadable: tuple[tuple[dict[str, Any], str], ...] = ()  # a record without what was asked for, and why


Fetch = Callable[[int, int], tuple[dict[str, Any], int]]
"""(offset, limit) -> a page as parsed JSON, and its size in bytes."""


def listings(fetch: Fetch, name: str, bare: Fetch | None = None) -> Iterator[Listing]:
    """Every record once, page by page.

    The server sorts by time alone and counts pages by offset, so a list that changes is read again until
    nothing is missing. Raises AnnotationError where it never holds still. With `bare`, which fetches the
    records without what was said of them, a page that the server refuses costs only the record that it cannot
    tell: half an emoji in one answer breaks every page that the answer is on.
    """
    seen: set[str] = set()
    pages = _Pages(fetch, bare)
    for _ in range(PASSES):
        found: set[str] = set()  # by this pass
        offset, limit, most, total = 0, FIRST_PAGE, 0, 1
        while offset < total:
            listing, size = pages.at(offset, limit)
            ids = {item["id"] for item in (*listing.records, *(record for record, _ in listing.unreadable))}
            total, count = listing.total, len(listing.records) + len(listing.unreadable)
            if not count:
                break
            most = max(most, total)
            found |= ids
            yield _without(listing, seen)
            seen |= found
            offset += count
            limit = max(1, min(LARGEST_PAGE, PAGE_BYTES * count // max(size, 1)))
        # New records come last and move nothing; where some were deleted, others moved past the offset.
        if (total == most and len(found) >= total) or not total:
            return
    raise AnnotationError(
        f"{name}: its list of records kept changing while it was read; run this again when nothing else writes to it"
    )


class _Pages:
    """Pages by offset; of one that the server refuses, what can be read of it."""

    def __init__(self, fetch: Fetch, bare: Fetch | None) -> None:
        self._fetch, self._bare = fetch, bare
        self._until = 0  # before this offset stands a record that cannot be read

    def at(self, offset: int, limit: int) -> tuple[Listing, int]:
        """The page and its size, or its beginning up to such a record, or that record alone.

        Raises Refusal where the server refuses the record without its answers as well: the fault is not theirs.
        """
        if offset < self._until:
            limit = max(1, min(limit, (self._until - offset) // 2))
        while True:
            try:
                page, size = self._fetch(offset, limit)
                return Listing(page["items"], int(page["total"])), size
            except Refusal as refusal:
                if self._bare is None or refusal.status == HTTPStatus.NOT_FOUND:
                    raise
                self._until = offset + limit
                if limit == 1:
                    page, size = self._bare(offset, 1)
                    alone = tuple((item, refusal.detail) for item in page["items"])
                    return Listing([], int(page["total"]), alone), size
                limit //= 2


def _without(listing: Listing, seen: set[str]) -> Listing:
    return listing._replace(
        records=[record for record in listing.records if record["id"] not in seen],
        unreadable=tuple((record, why) for record, why in listing.unreadable if record["id"] not in seen),
    )


def page(listing: Listing, names: dict[str, str]) -> Page:
    """The listing's tasks and answers; `names` gives the username of each user id."""
    ours = [record for record in listing.records if record.get("external_id")]
    unreadable = {record["external_id"]: why for record, why in listing.unreadable if record.get("external_id")}
    all_ours = [*ours, *(record for record, _ in listing.unreadable if record.get("external_id"))]
    answers = [
        _answer(response, record["external_id"], names) for record in ours for response in record.get("responses") or ()
    ]
    metadata = {record["external_id"]: record.get("metadata") or {} for record in all_ours}
    return Page(list(metadata), answers, metadata, unreadable)


def _answer(response: dict[str, Any], task_id: str, names: dict[str, str]) -> Answer:
    values = response.get("values") or {}
    return Answer(
        response_id=response["id"],
        task_id=task_id,
        annotator=names.get(response["user_id"], str(response["user_id"])),
        status=response["status"],
        answers={question: given.get("value") for question, given in values.items()},
        inserted_at=moment(response["inserted_at"]),
        updated_at=moment(response["updated_at"]),
    )


def moment(text: str) -> datetime:
    """The server's time, which is UTC and does not say so.

    >>> moment("2026-11-24T02:00:00.5").isoformat()
    '2026-11-24T02:00:00.500000+00:00'
    """
    said = datetime.fromisoformat(text)
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
