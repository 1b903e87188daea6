"""A dataset on the server: what it asks, against what it should ask."""

from typing import Any, NamedTuple

from annotation.batches import VECTOR
from annotation.questions import DatasetSpec
from schemas.errors import AnnotationError

# Our words -> Argilla's.
_TYPES = {"label": "label_selection", "multi_label": "multi_label_selection"}


class Remote(NamedTuple):
    """A dataset on the server."""

    id: str
    workspace: str
    name: str
    questions: dict[str, str]  # name -> the server's id


def agree(
    where: str,
    found: dict[str, Any],
    fields: list[dict[str, Any]],
    questions: list[dict[str, Any]],
    vectors: list[dict[str, Any]],
    spec: DatasetSpec,
) -> None:
    """Raises AnnotationError where a published dataset asks something other than `spec`; it cannot be changed."""
    remedy = "finish and pull it, then set another annotation.project for new work (or delete it on the server)"
    shown = {item["name"]: (item["settings"]["type"], item["required"]) for item in fields}
    ours = {field.name: (field.type, field.required) for field in spec.fields}
    if shown != ours:
        raise AnnotationError(f"{where}: its fields differ ({_difference(shown, ours)}); {remedy}")
    asked = {item["name"]: (item["settings"]["type"], item["required"], _options(item)) for item in questions}
    to_ask = {
        question.name: (_TYPES.get(question.type, question.type), question.required, set(question.options))
        for question in spec.questions
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
