"""Two hot spots of argilla-server 2.8.0, which cost about half of the time that logging records takes."""

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
    # Upstream gathers a full event (about six queries) for each record before it looks for webhooks.
    from argilla_server.contexts import webhooks
    from argilla_server.webhooks.v1 import records

    build = records.build_record_event
    looked: dict[str, Any] = {"at": -WEBHOOK_SECONDS, "heard": True}

    async def heard(db: Any) -> bool:
        if time.monotonic() - looked["at"] >= WEBHOOK_SECONDS:
            looked.update(heard=bool(await webhooks.list_enabled_webhooks(db)), at=time.monotonic())
        return bool(looked["heard"])

    async def build_if_heard(db: Any, record_event: Any, record: Any) -> Any:
        return await build(db, record_event, record) if await heard(db) else _Unheard()

    records.build_record_event = build_if_heard


class _Unheard:
    async def notify(self, _: Any) -> list[Any]:
        return []
