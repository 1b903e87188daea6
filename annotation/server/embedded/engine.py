"""The search engine `assay` for Argilla: the database is the index, so nothing can get out of step.

Importing this module registers it. State is in the database and in the modules beside; instances hold none.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from argilla_server.models import Dataset, MetadataProperty, Record, User, VectorSettings
from argilla_server.search_engine import Order, SearchEngine, SearchResponseItem, SearchResponses, TextQuery
from argilla_server.settings import settings

from . import index, searching, similarity
from .index import rows, session_of
from .sql import sql

NAME = "assay"


class AssayEngine(SearchEngine):  # type: ignore[misc]  # mypy does not see argilla_server
    """Argilla's search on its own SQLite database."""

    @classmethod
    async def new_instance(cls) -> "AssayEngine":
        if not settings.database_is_sqlite:
            raise RuntimeError(
                f"the search engine {NAME!r} searches SQLite only, and ARGILLA_DATABASE_URL names another database; "
                "set ARGILLA_SEARCH_ENGINE to elasticsearch or opensearch"
            )
        return cls()

    async def close(self) -> None:
        """Nothing is open: sessions are closed by who opened them."""

    async def ping(self) -> bool:
        """At the server's start: makes what search needs and is missing. Raises when SQLite cannot."""
        await index.make_all()
        return True

    async def info(self) -> dict[str, Any]:
        """What /api/v1/status shows to everybody."""
        return {"name": NAME}

    async def create_index(self, dataset: Dataset) -> None:
        """At publishing, and by `search-engine reindex`."""
        await index.make(dataset.id.hex)

    async def delete_index(self, dataset: Dataset) -> None:
        await index.remove(dataset.id.hex)

    # The triggers have done what the following seven would.

    async def configure_metadata_property(self, dataset: Any, metadata_property: Any) -> None: ...

    async def index_records(self, dataset: Any, records: Any) -> None: ...

    async def partial_record_update(self, record: Any, **update: Any) -> None: ...

    async def delete_records(self, dataset: Any, records: Any) -> None: ...

    async def update_record_response(self, response: Any) -> None: ...

    async def delete_record_response(self, response: Any) -> None: ...

    async def update_record_suggestion(self, suggestion: Any) -> None: ...

    async def delete_record_suggestion(self, suggestion: Any) -> None: ...

    async def get_dataset_progress(self, dataset: Dataset) -> dict[str, int]:
        """Records by status, and `total`; empty for a draft."""
        if dataset.is_draft:
            return {}
        async with session_of(dataset) as session:
            await index.ready(session, dataset.id.hex)
            found = await rows(
                session,
                sql("SELECT status, count(*) FROM assay_records WHERE dataset_id = {} GROUP BY status", dataset.id.hex),
            )
        return _counted(found)

    async def get_dataset_user_progress(self, dataset: Dataset, user: User) -> dict[str, int]:
        """A user's responses by status, and `total`; empty for a draft."""
        if dataset.is_draft:
            return {}
        async with session_of(dataset) as session:
            await index.ready(session, dataset.id.hex)
            found = await rows(
                session,
                sql(
                    "SELECT x.status, count(*) FROM responses x JOIN assay_records m ON m.record_id = x.record_id "
                    "WHERE x.user_id = {} AND m.dataset_id = {} GROUP BY x.status",
                    user.id.hex,
                    dataset.id.hex,
                ),
            )
        return _counted(found)

    async def search(
        self,
        dataset: Dataset,
        query: TextQuery | str | None = None,
        filter: Any = None,
        sort: list[Order] | None = None,
        offset: int = 0,
        limit: int = 100,
        user_id: UUID | str | None = None,
    ) -> SearchResponses:
        """A page of records. Without a sort: best match first, then each user's own order, then as they came.

        Scores are given without a sort only, and are 1 without a text. Raises UnprocessableEntityError (422) when
        the query is too big, or a filter's value cannot mean what it is compared with.
        """
        if dataset.is_draft:
            return SearchResponses(items=[], total=0)
        async with session_of(dataset) as session:
            searchable = await index.ready(session, dataset.id.hex)
            asked = await searching.ask(session, dataset.id.hex, searchable, query, filter, sort)
            page = await searching.page(session, asked, sort, user_id, offset, limit)
        return SearchResponses(items=_items(page.items), total=page.total)

    async def similarity_search(
        self,
        dataset: Dataset,
        vector_settings: VectorSettings,
        value: list[float] | None = None,
        record: Record | None = None,
        query: TextQuery | str | None = None,
        filter: Any = None,
        max_results: int = 100,
        order: Any = "most_similar",
        threshold: float | None = None,
    ) -> SearchResponses:
        """The records whose vectors point most, or least, like that of a record or a given one.

        Scores go from 0 to 1, 1 for what was asked for. `total` counts what is returned. Raises ValueError unless
        one of value and record is given, UnprocessableEntityError (422) as `search` does and when the vector's
        length is another.
        """
        direction = similarity.wanted(vector_settings, value, record)
        if dataset.is_draft:
            return SearchResponses(items=[], total=0)
        async with session_of(dataset) as session:
            searchable = await index.ready(session, dataset.id.hex)
            asked = await searching.ask(session, dataset.id.hex, searchable, query, filter)
            sign = -1 if order == "least_similar" else 1
            but = record.id if record else None
            hits = await similarity.most_alike(session, asked, vector_settings, direction, but, max_results, sign)
        items = _items([(one, score) for one, score in hits if threshold is None or score >= threshold])
        return SearchResponses(items=items, total=len(items))

    async def compute_metrics_for(self, metadata_property: MetadataProperty) -> Any:
        """What values a metadata property has: terms by count, or the smallest and the largest number."""
        name, dataset_id, kind = metadata_property.name, metadata_property.dataset_id.hex, str(metadata_property.type)
        async with session_of(metadata_property) as session:
            await index.ready(session, dataset_id)
            if kind == "terms":
                return await searching.terms(session, name, dataset_id)
            return await searching.extremes(session, name, dataset_id, kind)


def _items(found: Sequence[tuple[UUID, float | None]]) -> list[SearchResponseItem]:
    return [SearchResponseItem(record_id=record_id, score=score) for record_id, score in found]


def _counted(found: Sequence[Any]) -> dict[str, int]:
    return {"total": sum(count for _, count in found), **dict(map(tuple, found))}


SearchEngine.register(NAME)(AssayEngine)
