"""Two hot spots of argilla-server 2.8.0, which cost about half of the time that logging records and answers takes."""

import time
from typing import Any

# How long "there is no webhook" is believed; a new webhook misses at most this much.
WEBHOOK_SECONDS = 1.0


def apply() -> None:
    """Must run after the shims, and before the application is imported."""
    _reuse_type_adapters()
    _skip_events_nobody_hears()


def _reuse_type_adapters() -> None:
    # Upstream builds a pydantic adapter at each access, so once a suggestion and once a metadata value.
    from argilla_server.models import database
    from pydantic import TypeAdapter

    def kept(adapter: Any) -> property:
        return property(lambda self: adapter.validate_python(self.settings))

    question: Any = database.Question
    metadata: Any = database.MetadataProperty
    question.parsed_settings = kept(TypeAdapter(database.QuestionSettings))
    metadata.parsed_settings = kept(TypeAdapter(database.MetadataPropertySettings))


def _skip_events_nobody_hears() -> None:
    # Upstream gathers a full event (about six queries) for each record and each answer before it looks for webhooks.
    from argilla_server.contexts import webhooks
    from argilla_server.webhooks.v1 import records, responses

    looked: dict[str, Any] = {"at": -WEBHOOK_SECONDS, "heard": True}

    async def heard(db: Any) -> bool:
        if time.monotonic() - looked["at"] >= WEBHOOK_SECONDS:
            looked.update(heard=bool(await webhooks.list_enabled_webhooks(db)), at=time.monotonic())
        return bool(looked["heard"])

    def if_heard(build: Any) -> Any:
        async def build_if_heard(db: Any, event: Any, about: Any) -> Any:
            return await build(db, event, about) if await heard(db) else _Unheard()

        return build_if_heard

    records.build_record_event = if_heard(records.build_record_event)
    responses.build_response_event = if_heard(responses.build_response_event)


class _Unheard:
    async def notify(self, _: Any) -> list[Any]:
        return []
