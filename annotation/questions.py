"""What a dataset of tasks asks: its fields, questions, filters and guidelines, as plain data.

`annotation/client.py` turns a DatasetSpec into Argilla's settings; nothing here knows Argilla.
"""

from typing import Literal, NamedTuple

from schemas.decision import TaskKind


class FieldSpec(NamedTuple):
    name: str
    title: str
    type: Literal["text", "chat"]  # both are shown as sanitised markdown
    required: bool


class QuestionSpec(NamedTuple):
    name: str
    title: str
    description: str | None
    type: Literal["label", "multi_label", "rating", "text", "ranking"]
    required: bool
    options: dict[str, str]  # value -> what is shown; rating: "1" to "5"; empty for text


class MetadataSpec(NamedTuple):
    name: str
    title: str
    type: Literal["terms", "integer", "float"]
    visible: bool  # to annotators; admins see all


class DatasetSpec(NamedTuple):
    """Everything that makes a dataset of one kind. `dimensions` is the vector's length; null for none."""

    kind: TaskKind
    guidelines: str  # markdown
    fields: tuple[FieldSpec, ...]
    questions: tuple[QuestionSpec, ...]
    metadata: tuple[MetadataSpec, ...]
    dimensions: int | None
    min_submitted: int
