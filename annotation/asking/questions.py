"""What a dataset of tasks asks: its fields, questions, filters and guidelines, and what an answer means.

`annotation/exchange/client.py` turns a DatasetSpec into Argilla's settings; nothing here knows Argilla.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from annotation.asking.domains import GENERAL
from schemas.decision import DEMANDS, REASONS, VERDICTS, TaskKind, Verdict
from schemas.settings import AnnotationSettings

# Questions.
VERDICT = "verdict"
CORRECTED = "corrected"
WHY_NOT = "reasons"
DOMAIN = "domain"
COMMENT = "comment"
RANKING = "ranking"
RATINGS = tuple(DEMANDS)
"""The demands are the names of their questions."""

# Fields.
CONVERSATION = "conversation"
PROMPT = "prompt"
COMPLETION = "completion"
ANSWERS = ("answer_a", "answer_b")
"""Of a preference, shown without saying which of them the data prefers. The values of RANKING."""
PAIRED = ("prompt_a", "completion_a", "prompt_b", "completion_b")
WHY = "why"
BESIDE = "beside"


# A line break inside a paragraph or an item of a list.
_WRAPPED = re.compile(r"(?<=[^\n])\n *(?=[^\s#|>*\-\d])")


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


def dataset_spec(
    kind: TaskKind, settings: AnnotationSettings, *, min_submitted: int, dimensions: int | None
) -> DatasetSpec:
    """What a dataset of this kind asks. `dimensions` is the length of the prompts' vectors; null for none."""
    return DatasetSpec(
        kind, guidelines(kind), _FIELDS[kind], _questions(kind, settings), _FILTERS, dimensions, min_submitted
    )


@cache
def guidelines(kind: TaskKind) -> str:
    """Markdown for a person who has never seen the project."""
    text = (files("annotation.asking") / "guidelines" / f"{kind.value}.md").read_text(encoding="utf-8")
    # The page shows every line break as one.
    return _WRAPPED.sub(" ", text)


def verdict_of(kind: TaskKind, answers: Mapping[str, Any], *, chosen: str) -> Verdict | None:
    """What one person's answers (question to value) say; None where they decide nothing.

    `chosen` is the field of ANSWERS that shows the answer which the data prefers (`tasks.chosen_field`). Of a
    preference, the ranking says whether the pair is right (accept) or the wrong way round (fix); two answers
    that are equally good teach nothing (reject). A fix is one only where the corrected answer is given: whether
    it differs from the original, this cannot see.
    """
    said = answers.get(VERDICT)
    allowed = [verdict.value for verdict in VERDICTS[kind]]
    if said not in allowed:
        return None
    verdict = Verdict(said)
    if kind == TaskKind.RECORD and verdict == Verdict.FIX and not str(answers.get(CORRECTED) or "").strip():
        return None
    if kind == TaskKind.PREFERENCE and verdict != Verdict.REJECT:
        return _ranked(answers.get(RANKING), chosen)
    return verdict


def _ranked(ranking: Any, chosen: str) -> Verdict | None:
    ranks = {
        entry["value"]: entry.get("rank")
        for entry in (ranking if isinstance(ranking, list) else [])
        if isinstance(entry, dict) and entry.get("value") in ANSWERS
    }
    mine, other = (ranks.get(name) for name in (chosen, next(name for name in ANSWERS if name != chosen)))
    if not isinstance(mine, int) or not isinstance(other, int):
        return None
    if mine == other:
        return Verdict.REJECT
    return Verdict.ACCEPT if mine < other else Verdict.FIX


_FIELDS: dict[TaskKind, tuple[FieldSpec, ...]] = {
    TaskKind.RECORD: (
        # First, since what follows may be long.
        FieldSpec(WHY, "Why you are asked", "text", True),
        FieldSpec(CONVERSATION, "What was said before", "chat", False),
        FieldSpec(PROMPT, "The prompt", "text", False),
        FieldSpec(COMPLETION, "The answer that you judge", "text", False),
        FieldSpec(BESIDE, "For comparison: another record", "text", False),
    ),
    TaskKind.PAIR: (
        FieldSpec(WHY, "Why you are asked", "text", True),
        FieldSpec(PAIRED[0], "Record A: the prompt", "text", True),
        FieldSpec(PAIRED[1], "Record A: the answer", "text", False),
        FieldSpec(PAIRED[2], "Record B: the prompt", "text", True),
        FieldSpec(PAIRED[3], "Record B: the answer", "text", False),
    ),
    TaskKind.PREFERENCE: (
        FieldSpec(CONVERSATION, "What was said before", "chat", False),
        FieldSpec(PROMPT, "The prompt", "text", False),
        FieldSpec(ANSWERS[0], "Answer A", "text", True),
        FieldSpec(ANSWERS[1], "Answer B", "text", True),
        FieldSpec(WHY, "Why you are asked", "text", True),
        FieldSpec(BESIDE, "For comparison: another record", "text", False),
    ),
}

# Only what is known of every record alike is shown to annotators: anything else would give away gold records.
_FILTERS = (
    MetadataSpec("domain", "Domain", "terms", True),
    MetadataSpec("reasons", "Reasons", "terms", False),
    MetadataSpec("quality", "Quality of form, 0 to 1", "float", False),
    MetadataSpec("n_tokens", "Tokens", "integer", False),
    MetadataSpec("difficulty", "Difficulty", "float", False),
    MetadataSpec("similarity", "Similarity to the other record", "float", False),
    MetadataSpec("cluster", "Cluster", "integer", False),
    MetadataSpec("source", "Source", "terms", False),
    MetadataSpec("source_row", "Row of the source", "integer", False),
    MetadataSpec("language", "Language", "terms", False),
    MetadataSpec("tier", "Tier", "terms", False),
    MetadataSpec("rule", "Why this tier", "terms", False),
    MetadataSpec("run_id", "Run", "terms", False),
)

_RECORD_VERDICTS = {
    "accept": "Accept: use it as it is",
    "fix": "Fix: use it with the corrected answer",
    "reject": "Reject: keep it out",
}
_PREFERENCE_VERDICTS = {
    "accept": "Accept: one answer is better, and I ranked it first",
    "reject": "Reject: keep both out",
}
_PAIR_VERDICTS = {
    "same": "Same: one of the two is enough",
    "different": "Different: each teaches something that the other does not",
}


def _questions(kind: TaskKind, settings: AnnotationSettings) -> tuple[QuestionSpec, ...]:
    comment = QuestionSpec(
        COMMENT, "Comment", "Anything the next person should know. May stay empty.", "text", False, {}
    )
    if kind == TaskKind.PAIR:
        return (_verdict("Do these two records say the same?", _PAIR_VERDICTS), comment)
    reasons = QuestionSpec(
        WHY_NOT,
        "What is wrong with it?",
        "When you fix or reject: all that apply.",
        "multi_label",
        False,
        dict(REASONS),
    )
    if kind == TaskKind.PREFERENCE:
        better = QuestionSpec(
            RANKING,
            "Which answer is better?",
            "1 is better. Give both the same number when neither is.",
            "ranking",
            True,
            {ANSWERS[0]: "Answer A", ANSWERS[1]: "Answer B"},
        )
        return (_verdict("May this pair be used for training?", _PREFERENCE_VERDICTS), better, reasons, comment)
    corrected = QuestionSpec(
        CORRECTED,
        "Corrected answer",
        "Only read when you choose Fix: the whole answer as it should be, plain text.",
        "text",
        False,
        {},
    )
    verdict = _verdict("May this record be used for training?", _RECORD_VERDICTS)
    return (verdict, corrected, reasons, *_ratings(), *_domain(settings), comment)


def _verdict(title: str, options: dict[str, str]) -> QuestionSpec:
    return QuestionSpec(VERDICT, title, None, "label", True, options)


def _ratings() -> list[QuestionSpec]:
    # Not required: the verdict alone changes the release, and four more clicks are a third of the time it takes.
    scale = {str(value): str(value) for value in range(1, 6)}
    told = "1 is not at all, 5 is fully. Leave out what you cannot judge."
    return [QuestionSpec(name, title, told, "rating", False, scale) for name, title in DEMANDS.items()]


def _domain(settings: AnnotationSettings) -> list[QuestionSpec]:
    options = {name: name for name in (*settings.domains, GENERAL)}
    if len(options) < 2:  # Argilla asks nothing with a single answer
        return []
    return [QuestionSpec(DOMAIN, "Domain", "A guess by similarity; correct it.", "label", False, options)]
