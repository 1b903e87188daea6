"""Datasets on the server: found, made, and held against what they should ask."""

import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from annotation.asking.questions import DOMAIN, DatasetSpec
from annotation.exchange.batches import VECTOR
from annotation.exchange.transport import Exists, Refusal, Transport
from schemas.errors import AnnotationError

# Another push that makes the same dataset is done within seconds; a draft older than this was left by a crash.
DRAFT_SECONDS = 5

# Our words -> Argilla's.
_TYPES = {"label": "label_selection", "multi_label": "multi_label_selection"}


class Remote(NamedTuple):
    """A dataset on the server."""

    id: str
    workspace: str
    name: str
    questions: dict[str, str]  # name -> the server's id
    domains: frozenset[str]  # that annotators can choose; empty where they are not asked


class Datasets:
    """The datasets of one server. `make(workspace, name, spec)` publishes one, or raises Exists."""

    def __init__(self, transport: Transport, make: Callable[[str, str, DatasetSpec], None]) -> None:
        self._transport, self._make = transport, make

    def find(self, workspace_id: str | None, workspace: str, name: str) -> Remote | None:
        """The published dataset of that name; null where there is none."""
        found = self._found(workspace_id, name)
        return None if found is None or found["status"] != "ready" else self._remote(found, workspace)

    def check(self, workspace_id: str | None, workspace: str, name: str, spec: DatasetSpec) -> None:
        """Raises AnnotationError where there is such a dataset and it asks something else. Makes nothing."""
        found = self._found(workspace_id, name)
        if found is not None and found["status"] == "ready":
            self._agree(found, workspace, spec)

    def ensure(self, workspace_id: str, workspace: str, name: str, spec: DatasetSpec) -> Remote:
        """The dataset, made where it is missing. Raises AnnotationError where it asks something else."""
        for _ in range(3):
            found = self._settled(workspace_id, name)
            if found is not None:
                self._bring_up_to_date(found, workspace, spec)
                return self._remote(found, workspace)
            with contextlib.suppress(Exists):
                self._make(workspace, name, spec)
        raise AnnotationError(f"{workspace}/{name}: somebody else keeps making and deleting it; try again later")

    def _found(self, workspace_id: str | None, name: str) -> dict[str, Any] | None:
        if workspace_id is None:
            return None
        items = self._transport.items("me/datasets", workspace_id=workspace_id, name=name)
        return next((item for item in items if item["name"] == name), None)

    def _settled(self, workspace_id: str, name: str) -> dict[str, Any] | None:
        """The dataset, once whoever makes it is done; a draft that nobody finishes is thrown away."""
        found = None
        for _ in range(DRAFT_SECONDS):
            found = self._found(workspace_id, name)
            if found is None or found["status"] == "ready":
                return found
            time.sleep(1)
        if found is not None:
            with contextlib.suppress(Refusal):  # another push was faster
                self._transport.call("DELETE", f"datasets/{found['id']}")
        return None

    def _remote(self, found: dict[str, Any], workspace: str) -> Remote:
        questions = self._transport.items(f"datasets/{found['id']}/questions")
        domains = next((_options(item) for item in questions if item["name"] == DOMAIN), set())
        ids = {item["name"]: item["id"] for item in questions}
        return Remote(found["id"], workspace, found["name"], ids, frozenset(domains))

    def _bring_up_to_date(self, found: dict[str, Any], workspace: str, spec: DatasetSpec) -> None:
        """Adds what may be added to a dataset that people already work on; refuses what would change the question."""
        path = f"datasets/{found['id']}"
        vectors = self._agree(found, workspace, spec)
        filters = self._transport.items(f"me/{path}/metadata-properties")
        wanted = [(f"{path}/metadata-properties", body) for body in missing_metadata(filters, spec)]
        wanted += [(f"{path}/vectors-settings", body) for body in missing_vectors(vectors, spec)]
        for where, body in wanted:
            with contextlib.suppress(Exists):  # another push was faster
                self._transport.make(where, body)
        if spec.guidelines and found["guidelines"] != spec.guidelines:
            self._transport.call("PATCH", path, body={"guidelines": spec.guidelines})

    def _agree(self, found: dict[str, Any], workspace: str, spec: DatasetSpec) -> list[dict[str, Any]]:
        """The dataset's vectors, once it is sure that it asks what `spec` does."""
        kinds = ("fields", "questions", "vectors-settings")
        fields, questions, vectors = (self._transport.items(f"datasets/{found['id']}/{kind}") for kind in kinds)
        agree(f"{workspace}/{found['name']}", found, fields, questions, vectors, spec)
        return vectors


def agree(
    where: str,
    found: dict[str, Any],
    fields: list[dict[str, Any]],
    questions: list[dict[str, Any]],
    vectors: list[dict[str, Any]],
    spec: DatasetSpec,
) -> None:
    """Raises AnnotationError where a published dataset asks something other than `spec`; it cannot be changed.

    Which domains can be chosen may differ: the settings gain and lose some while people work, and theirs is a guess.
    """
    remedy = "finish and pull it, then set another annotation.project for new work (or delete it on the server)"
    shown = {item["name"]: (item["settings"]["type"], item["required"]) for item in fields}
    ours = {field.name: (field.type, field.required) for field in spec.fields}
    if shown != ours:
        raise AnnotationError(f"{where}: its fields differ ({_difference(shown, ours)}); {remedy}")
    asked = {
        item["name"]: (item["settings"]["type"], item["required"], _options(item))
        for item in questions
        if item["name"] != DOMAIN
    }
    to_ask = {
        question.name: (_TYPES.get(question.type, question.type), question.required, set(question.options))
        for question in spec.questions
        if question.name != DOMAIN
    }
    if asked != to_ask:
        raise AnnotationError(f"{where}: its questions differ ({_difference(asked, to_ask)}); {remedy}")
    people = found["distribution"]["min_submitted"]
    if people != spec.min_submitted:
        raise AnnotationError(
            f"{where}: asks {people} people each, not {spec.min_submitted};"
            f" set annotation.overlap.annotators back to {people}, or {remedy}"
        )
    lengths = {item["dimensions"] for item in vectors if item["name"] == VECTOR}
    if spec.dimensions is not None and lengths - {spec.dimensions}:
        raise AnnotationError(
            f"{where}: its vectors have {lengths.pop()} numbers, not {spec.dimensions}; use the embedding model that"
            f" it was made with, or {remedy}"
        )


def missing_metadata(filters: list[dict[str, Any]], spec: DatasetSpec) -> list[dict[str, Any]]:
    """What the dataset cannot be filtered by yet, as the server wants it told."""
    known = {item["name"] for item in filters}
    return [
        {
            "name": metadata.name,
            "title": metadata.title,
            "settings": {"type": metadata.type},
            "visible_for_annotators": metadata.visible,
        }
        for metadata in spec.metadata
        if metadata.name not in known
    ]


def missing_vectors(vectors: list[dict[str, Any]], spec: DatasetSpec) -> list[dict[str, Any]]:
    """The vectors that the dataset was made without, as the server wants them told."""
    if spec.dimensions is None or any(item["name"] == VECTOR for item in vectors):
        return []
    return [{"name": VECTOR, "title": VECTOR, "dimensions": spec.dimensions}]


def _options(question: dict[str, Any]) -> set[str]:
    return {str(option["value"]) for option in question["settings"].get("options", ())}


def _difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    kinds = {
        "only on the server": theirs.keys() - ours.keys(),
        "missing on the server": ours.keys() - theirs.keys(),
        "changed": {name for name in theirs.keys() & ours.keys() if theirs[name] != ours[name]},
    }
    return "; ".join(f"{kind}: {', '.join(sorted(names))}" for kind, names in kinds.items() if names)
