"""What people answered, as the server tells it: read page by page, with none missed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

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


class Listing(NamedTuple):
    records: list[dict[str, Any]]  # as the server gives them
    total: int


def listings(fetch: Callable[[int, int], tuple[dict[str, Any], int]], name: str) -> Iterator[Listing]:
    """Every record once, page by page. `fetch(offset, limit)` gives a page as parsed JSON, and its size in bytes.

    The server sorts by time alone and counts pages by offset, so a list that changes is read again until
    nothing is missing. Raises AnnotationError where it never holds still.
    """
    seen: set[str] = set()
    for _ in range(PASSES):
        found: set[str] = set()  # by this pass
        offset, limit, most, total = 0, FIRST_PAGE, 0, 1
        while offset < total:
            page, size = fetch(offset, limit)
            items, total = page["items"], int(page["total"])
            if not items:
                break
            most = max(most, total)
            found |= {item["id"] for item in items}
            yield Listing([item for item in items if item["id"] not in seen], total)
            seen |= found
            offset += len(items)
            limit = max(1, min(LARGEST_PAGE, PAGE_BYTES * len(items) // max(size, 1)))
        # New records come last and move nothing; where some were deleted, others moved past the offset.
        if (total == most and len(found) >= total) or not total:
            return
    raise AnnotationError(
        f"{name}: its list of records kept changing while it was read; run this again when nothing else writes to it"
    )


def page(listing: Listing, names: dict[str, str]) -> Page:
    """The listing's tasks and answers; `names` gives the username of each user id."""
    ours = [record for record in listing.records if record.get("external_id")]
    answers = [
        _answer(response, record["external_id"], names) for record in ours for response in record.get("responses") or ()
    ]
    metadata = {record["external_id"]: record.get("metadata") or {} for record in ours}
    return Page([record["external_id"] for record in ours], answers, metadata)


def _answer(response: dict[str, Any], task_id: str, names: dict[str, str]) -> Answer:
    values = response.get("values") or {}
    return Answer(
        response_id=response["id"],
        task_id=task_id,
        annotator=names.get(response["user_id"], response["user_id"]),
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
