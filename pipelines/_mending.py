"""A record with its repairs made: which turns each may change, and when a row is left as it is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from annotation.asking.mends import without_placeholder_line
from pipelines._records import amended
from pipelines._repairs import Part, Repair
from schemas.record import Kind

ORIGINAL = "assay_original"
"""The key of a repaired record's metadata that holds what it was: record_id, messages, context."""

# Each repair shortens a text, so that repairs come to rest; whoever piles up more of one kind than this is hostile.
MOST_ROUNDS = 10

_SPEAKERS = ("system", "user", "assistant")


class Made(NamedTuple):
    """A repair, and the text that it changed."""

    repair: Repair
    before: str
    after: str


class Mended(NamedTuple):
    """`row` is the row as it was where nothing was made; `refused` says of repairs why they were not."""

    row: dict[str, Any]
    made: tuple[Made, ...]
    refused: dict[str, str]


class _Refused(Exception):
    """Why a repair that would change the row must not."""


def mended(row: dict[str, Any], repairs: Sequence[Repair]) -> Mended:
    """The row with all of the repairs that apply, made again until none does."""
    now, refused = row, {}
    made: dict[str, Made] = {}
    for _ in range(MOST_ROUNDS):
        begun = now
        for repair in repairs:
            try:
                better = _repaired(now, repair)
            except _Refused as why:
                refused[repair.name] = str(why)
            except Exception as error:  # an error costs the repair, not the row
                refused[repair.name] = f"failed ({type(error).__name__})"
            else:
                if better:
                    now, done = better
                    made.setdefault(repair.name, done)
        if now is begun:
            return Mended(now, tuple(made.values()), refused)
    return Mended(row, (), {**refused, **dict.fromkeys(made, "would have to be made over and over")})


def _repaired(row: dict[str, Any], repair: Repair) -> tuple[dict[str, Any], Made] | None:
    better = (_without_input if repair.part is Part.INPUT else _with_turns)(row, repair)
    if better is None or repair.unless.search(better[0]["prompt"]):
        return None
    return better


def _with_turns(row: dict[str, Any], repair: Repair) -> tuple[dict[str, Any], Made] | None:
    turns, first = list(row["messages"] or ()), None
    for place in _places(row, turns, repair.part):
        text = turns[place]["content"]
        better = repair.mend(text)
        if better is None or better == text:
            continue
        if not better.strip():
            raise _Refused("would leave nothing")
        turns[place] = {**turns[place], "content": better}
        first = first or Made(repair, text, better)
    if first is None:
        return None
    after = amended(row, messages=turns)
    return {**after, "context": _context(row["context"], turns, repair)}, first


def _places(row: dict[str, Any], turns: Sequence[dict[str, Any]], part: Part) -> list[int]:
    """Which turns the repair may change."""
    judged = row["kind"] in (Kind.PREFERENCE, Kind.KTO)
    ends = len(turns) - 1 if turns and turns[-1]["role"] == "assistant" else None
    if part is Part.LAST_ANSWER:
        return [ends] if ends is not None and not judged else []
    if part is Part.ANSWERS:
        return [] if judged else [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    asked = [place for place, turn in enumerate(turns) if turn["role"] in _SPEAKERS]
    return [place for place in asked if place != ends] if row["kind"] == Kind.KTO else asked


def _context(context: str | None, turns: Sequence[dict[str, Any]], repair: Repair) -> str | None:
    """The context as it stands in its turn now; null where it cannot be told from the instruction any more."""
    if context is None:
        return None
    for text in (repair.mend(context) or context, context):
        if any(turn["role"] == "user" and turn["content"].endswith(text) for turn in turns):
            return text
    return None


def _without_input(row: dict[str, Any], repair: Repair) -> tuple[dict[str, Any], Made] | None:
    turns, context = list(row["messages"] or ()), row["context"]
    place = next((place for place in reversed(range(len(turns))) if turns[place]["role"] == "user"), None)
    if place is None:
        return None
    text = turns[place]["content"]
    if context is None:
        better = without_placeholder_line(text)
    else:
        better = text[: -len(context)].rstrip() if text.endswith(context) and repair.mend(context) == "" else None
    if better is None:
        return None
    if not better:
        raise _Refused("would leave no prompt")
    turns[place] = {**turns[place], "content": better}
    return {**amended(row, messages=turns), "context": None}, Made(repair, text, better)


def with_original(row: Mapping[str, Any]) -> str:
    """The row's metadata with the row as it was under ORIGINAL, the rest of the text as it stands."""
    turns = [{key: value for key, value in turn.items() if value is not None} for turn in row["messages"]]
    was = orjson.dumps({"record_id": row["record_id"], "messages": turns, "context": row["context"]}).decode()
    metadata = row["metadata"] or "{}"
    rest = metadata.strip()[1:]
    key, number = ORIGINAL, 1
    while f'"{key}"' in metadata:  # repaired once before, by an earlier run
        number += 1
        key = f"{ORIGINAL}_{number}"
    return f'{{"{key}":{was}{"" if rest.lstrip().startswith("}") else ","}{rest}'


def original_of(metadata: str | None) -> dict[str, Any] | None:
    """What stands first under ORIGINAL: the record before this run's repair; null where there is nothing."""
    try:
        said = orjson.loads(metadata or "{}")
    except orjson.JSONDecodeError:
        return None
    found = next((value for key, value in said.items() if key.startswith(ORIGINAL)), None)
    return found if isinstance(found, dict) else None
