"""Preference pairs: two answers to one conversation, in every form they come in."""

import re
from typing import Any, NamedTuple

import orjson

from pipelines._conversations import LIST_KEYS, Turns, is_turn, looks_like_turns, text_of, turn_of, turns_of
from pipelines._records import Message, message
from pipelines._rows import NotARecord, kind_of, shown

# Anthropic's transcripts: a blank line, the speaker and a colon before each turn.
_SPEAKER = re.compile(r"(?:\A|\n\n)(Human|Assistant):")
_SPEAKERS = {"Human": "user", "Assistant": "assistant"}


class Pair(NamedTuple):
    """`messages` are what both answers share; an answer is None where it is null."""

    messages: list[Message]
    chosen: list[Message] | None
    rejected: list[Message] | None
    extras: dict[str, Any]


def pair_of(rest: dict[str, Any], asked: list[Message], *, use_list: bool) -> Pair:
    """Takes `chosen`, `rejected` and (if `use_list`) the list of messages out of `rest`.

    `asked` is the prompt beside them. Where there is one, a list of messages is the chosen conversation
    over again, and stays in the metadata.
    """
    key = next((key for key in LIST_KEYS if key in rest), None) if use_list else None
    shared, extras = turns_of(rest.pop(key), key) if key else Turns(asked, [])
    kept: dict[str, Any] = {key: extras} if key and extras else {}
    answers: dict[str, list[Message] | None] = {}
    for side in ("chosen", "rejected"):
        turns = _answer(rest.pop(side, None), side)
        answers[side] = turns.messages if turns else None
        if turns and turns.extras:
            kept[side] = turns.extras
    chosen, rejected = answers["chosen"], answers["rejected"]
    if chosen and shared and shared[-1] == chosen[-1]:
        shared = shared[:-1]
    if chosen is None or rejected is None:
        return Pair(shared, chosen, rejected, kept)
    common = _common(chosen, rejected)
    return Pair(_joined(shared, chosen[:common]), chosen[common:], rejected[common:], kept)


def _answer(value: Any, side: str) -> Turns | None:
    """One side as messages: text, a transcript, one message, or a list of messages, also as JSON text."""
    if value is None:
        return None
    if isinstance(value, str):
        if is_transcript(value):
            return Turns(transcript(value), [])
        if looks_like_turns(value, ("role", "from")):
            return turns_of(value, side)
        one = _one_message(value)
        if one is None:
            return Turns([message("assistant", value)], [])
        value = one
    if isinstance(value, dict):
        turn, left = turn_of(value, side)
        return Turns([turn], [{"index": 0, **left}] if left else [])
    if isinstance(value, list):
        return turns_of(value, side)
    raise NotARecord("type", f"{side} is {kind_of(value)} ({shown(value)}), not text or messages")


def _one_message(text: str) -> dict[str, Any] | None:
    """A message as JSON text, as CSV has it."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if is_turn(value) else None


def is_transcript(text: str) -> bool:
    """Whether a text is talk between `Human:` and `Assistant:` and no plain answer."""
    return text.lstrip().startswith("Human:") and _SPEAKER.search(text) is not None


def transcript(text: str) -> list[Message]:
    """The turns of a transcript; an open `Assistant:` at the end is no turn.

    >>> [turn["content"] for turn in transcript("\\n\\nHuman: Hi\\n\\nAssistant: Hello")]
    ['Hi', 'Hello']
    """
    pieces = _SPEAKER.split("\n\n" + text.lstrip())
    return [message(_SPEAKERS[speaker], said.strip()) for speaker, said in zip(pieces[1::2], pieces[2::2], strict=True)]


def prompt_turns(text: str | None, field: str) -> list[Message]:
    """The turns of a prompt beside the answers: a question, or a transcript whose last answer is still open."""
    text = text_of(text, field)
    if text is None:
        return []
    if not is_transcript(text):
        return [message("user", text)]
    turns = transcript(text)
    return turns[:-1] if turns[-1]["role"] == "assistant" and not turns[-1]["content"] else turns


def _common(chosen: list[Message], rejected: list[Message]) -> int:
    """How many turns both sides begin with; the last turn of each is always its answer."""
    count = 0
    while count < min(len(chosen), len(rejected)) - 1 and chosen[count] == rejected[count]:
        count += 1
    return count


def _joined(shared: list[Message], common: list[Message]) -> list[Message]:
    """The turns beside the answers and those inside both, once: many sets repeat the prompt in each answer."""
    said = [_key(turn) for turn in shared]
    inside = [_key(turn) for turn in common]
    for start in range(len(inside) - len(said) + 1):
        if inside[start : start + len(said)] == said:
            return common
    return shared if said[-len(inside) :] == inside else [*shared, *common]


def _key(turn: Message) -> tuple[str, str]:
    return turn["role"], turn["content"].strip()
