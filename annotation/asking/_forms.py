"""Forms: what an annotator reads of a task, field by field. What comes from a record is shown as it is."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from annotation.asking import questions as asked
from annotation.asking._markdown import as_text, code
from schemas.outcome import DUPLICATE_CONFLICT, DUPLICATE_SEMANTIC
from schemas.record import Kind

# Argilla's limits of a chat field (argilla_server: MAX_MESSAGE_LENGTH, CHAT_FIELDS_MAX_MESSAGES).
MAX_MESSAGE = 20_000
MAX_MESSAGES = 500

NOTHING = "*(nothing)*"
NO_HINT = "No hint is given for this one: judge it as it stands."
"""Why, for gold records of which nothing is known, and for the real ones among which they hide."""

_REMARKS = ("a near-equal prompt has a different answer", "may say the same as its twin")
_SUSPECTED = "May say the same as the record that is shown for comparison."
_CONFLICT = (
    "A near-equal prompt has a different answer, which is shown for comparison. "
    "Judge this record only: is its answer the right one?"
)
# Equal but for what the data says of them.
_OPPOSED = "Another record has this very answer, and says the opposite of it. Judge this record only: is it right?"
_PREFERRED = (
    "Another record has a near-equal prompt and other answers, or prefers the other one of the same two. "
    "Judge this record only."
)
_LABELS = {
    True: "The data says that this answer is a **good example**. Accept if that is right, reject if it is not.",
    False: "The data says that this answer is a **bad example**. Accept if that is right, reject if it is not.",
}


def record_fields(row: dict[str, Any], why: str, twin: dict[str, Any] | None) -> dict[str, Any]:
    """The fields of a RECORD: the turns before the answer, the answer, why, and the other record if there is one."""
    turns: Sequence[dict[str, Any]] = row["messages"] or ()
    before = turns[:-1] if turns and turns[-1]["role"] == "assistant" else turns
    fields = {**_asked(row, before), asked.COMPLETION: as_text(row["completion"] or ""), asked.WHY: why}
    return _filled({**fields, asked.BESIDE: _beside(twin)})


def preference_fields(row: dict[str, Any], why: str, twin: dict[str, Any] | None, chosen: str) -> dict[str, Any]:
    """The fields of a PREFERENCE; the answer that the data prefers stands in the field `chosen`."""
    answers = (_answer(row["chosen"]), _answer(row["rejected"]))
    first, second = answers if chosen == asked.ANSWERS[0] else answers[::-1]
    shown = {asked.ANSWERS[0]: as_text(first) or NOTHING, asked.ANSWERS[1]: as_text(second) or NOTHING}
    fields = {**_asked(row, row["messages"] or ()), **shown, asked.WHY: why}
    return _filled({**fields, asked.BESIDE: _beside(twin)})


def pair_fields(row: dict[str, Any], twin: dict[str, Any], why: str) -> dict[str, Any]:
    """The fields of a PAIR; A is the record with the smaller id, whichever was under suspicion."""
    one, other = sorted((row, twin), key=lambda record: str(record["record_id"]))
    texts = (one["prompt"], _answered(one), other["prompt"], _answered(other))
    return {name: as_text(text or "") or NOTHING for name, text in zip(asked.PAIRED, texts, strict=True)} | {
        asked.WHY: why
    }


def why(row: dict[str, Any], twin: dict[str, Any] | None, descriptions: Mapping[str, str], *, prompted: bool) -> str:
    """Why a record is asked about, in words: what it fails, what a stage remarked, milder findings."""
    label = _LABELS.get(row["label"]) if row["kind"] == Kind.KTO else None
    if not prompted:
        return "\n\n".join(filter(None, (label, NO_HINT)))
    suspicions = {DUPLICATE_CONFLICT: _conflict(row, twin), DUPLICATE_SEMANTIC: _SUSPECTED}
    duplicates = [_alike(suspicions[name], row) for name in row["reasons"] if name in suspicions]
    failed = [name for name in row["reasons"] if name not in suspicions]
    # What the duplicates' stage remarks of them is said above, in more words.
    detail = row["detail"] if row["detail"] and row["detail"] not in _REMARKS else ""
    parts = (
        label,
        *duplicates,
        _listed("A program thinks that this rule is broken:", failed, descriptions),
        as_text(detail),
        _listed("Milder findings, which alone would not have been asked about:", row["notes"], descriptions),
    )
    return "\n\n".join(filter(None, parts)) or NO_HINT


def pair_why(row: dict[str, Any]) -> str:
    """Why a pair is asked about."""
    return _alike("A program suspects that these two records say the same.", row)


def _conflict(row: dict[str, Any], twin: dict[str, Any] | None) -> str:
    if row["kind"] == Kind.PREFERENCE:
        return _PREFERRED
    if twin is None:
        return "A near-equal prompt has a different answer. That record is not in this release."
    is_opposed = row["kind"] == Kind.KTO and row["completion"] == twin["completion"]
    return _OPPOSED if is_opposed else _CONFLICT


def _alike(text: str, row: dict[str, Any]) -> str:
    return (
        text
        if row["similarity"] is None
        else f"{text} Their prompts are alike by {row['similarity']:.2f} (1 is equal)."
    )


def _listed(heading: str, names: Sequence[str], descriptions: Mapping[str, str]) -> str:
    if not names:
        return ""
    # What a description adds to its first sentence is for engineers.
    meant = {name: re.sub(r"(?<=\.) .*", "", descriptions.get(name, ""), flags=re.DOTALL) for name in names}
    lines = (f"- {as_text(meant[name])} ({as_text(name)})".replace("-  (", "- (") for name in names)
    return "\n".join((f"**{heading}**", "", *lines))


def _asked(row: dict[str, Any], turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A single question as text; a conversation, a system message or tools as a chat, where Argilla can hold it."""
    if [turn["role"] for turn in turns] in ([], ["user"]) and not row["tools"]:
        return {asked.PROMPT: as_text(row["prompt"] or "")}
    said = [{"role": "tools", "content": code(row["tools"])}] if row["tools"] else []
    said += [{"role": turn["role"], "content": as_text(_spoken(turn)) or NOTHING} for turn in turns]
    if 0 < len(said) <= MAX_MESSAGES and all(len(turn["content"]) <= MAX_MESSAGE for turn in said):
        return {asked.CONVERSATION: said}
    tools = f"{code(row['tools'])}\n\n" if row["tools"] else ""
    return {asked.PROMPT: tools + as_text(row["prompt"] or "")}


def _beside(twin: dict[str, Any] | None) -> str:
    if twin is None:
        return ""
    prompt, label = as_text(twin["prompt"] or "") or NOTHING, ""
    if twin["kind"] == Kind.KTO and twin["label"] is not None:
        label = " (said to be a good example)" if twin["label"] else " (said to be a bad example)"
    return f"**Its prompt**\n\n{prompt}\n\n**Its answer{label}**\n\n{as_text(_answered(twin) or '') or NOTHING}"


def _answered(row: dict[str, Any]) -> str | None:
    """The answer; of a preference both, in an order that does not tell which is preferred."""
    if row["kind"] != Kind.PREFERENCE:
        completion: str | None = row["completion"]
        return completion
    return "\n\nor\n\n".join(sorted((_answer(row["chosen"]), _answer(row["rejected"]))))


def _answer(turns: Sequence[dict[str, Any]] | None) -> str:
    """One side of a preference as text, with the roles where it has several turns."""
    said = turns or ()
    return "\n\n".join(_spoken(turn) if len(said) == 1 else f"{turn['role']}: {_spoken(turn)}" for turn in said)


def _spoken(turn: dict[str, Any]) -> str:
    """A turn's text, and its tool calls as `name(arguments)`."""
    calls = [f"{call['function']['name']}({call['function']['arguments']})" for call in turn["tool_calls"] or ()]
    return "\n".join(([turn["content"]] if turn["content"] else []) + calls)


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    """Without empty fields, which Argilla would show as headings over nothing."""
    return {name: value for name, value in fields.items() if value}
