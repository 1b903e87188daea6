"""What an exporter is: the rules a record must pass, and the line its trainer reads."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import polars as pl

Row = dict[str, Any]
"""One released record as a Python row; the columns are pipelines.formats.COLUMNS."""

Message = dict[str, Any]


class Why(StrEnum):
    """Why a trainer does not get a record. One reason a record: the first that applies."""

    TOO_LONG = "too_long"  # the trainer would cut it
    LENGTH_UNKNOWN = "length_unknown"  # nobody counted its tokens, so it has not passed
    KIND = "kind_unsupported"  # the trainer has no way to learn from this kind of record
    NO_RESPONSE = "no_response"
    NO_PROMPT = "no_prompt"
    LAST_TURN = "last_turn_not_assistant"
    EMPTY_TURN = "empty_turn"
    ROLE = "role_unsupported"
    SYSTEM_PLACE = "system_not_first"
    SYSTEM = "system_unsupported"
    TURN_ORDER = "turn_order"
    MULTI_TURN = "multi_turn"
    MASKED_TURN = "masked_turn"  # the record masks a turn's loss and the trainer would train on it
    NOTHING_TO_LEARN = "nothing_to_learn"  # every answer is masked
    NO_LABEL = "no_label"
    UNWANTED = "unwanted_completion"  # an example of what not to say, to a trainer that only imitates
    ANSWER_TURNS = "answer_not_one_turn"
    IDENTICAL_PAIR = "identical_pair"
    TOOL_USE = "tool_use_unsupported"
    TOOLS_UNREADABLE = "tools_unreadable"
    CALL_UNREADABLE = "call_unreadable"
    CALL_UNANSWERED = "call_unanswered"
    RESULT_UNASKED = "result_unasked"
    TOOL_UNDEFINED = "tool_undefined"
    TEXT_BESIDE_CALL = "text_beside_call"
    MEDIA = "media_placeholder"
    NAME = "name_invalid"


class Refusal(NamedTuple):
    """Why a record is not written, in one word and in one sentence."""

    reason: Why
    detail: str


class Line(NamedTuple):
    """What is written for a record: `task` names the file, beside the split."""

    task: str
    content: dict[str, Any]


Rule = Callable[[Row], Refusal | None]
"""Null when the record fits."""


class Plain(NamedTuple):
    """What `line` makes of plain records (_plain.is_plain), as columns.

    `fits` is true where the trainer's own rules take a plain record; any other goes through `rules`.
    """

    task: str
    content: pl.Expr  # a struct
    fits: pl.Expr = pl.lit(True)


class Exporter(NamedTuple):
    """One trainer's format.

    `rules` are by kind, in the order they are asked; a kind without rules is refused. `path` names the
    file of a task and a split below the format's folder. `extras` are the files beside the rows, by
    path, from the rows in each (task, split) and the token limit. `arrays` writes one JSON array a file
    instead of JSON lines; `always` are files that exist even without rows. `plain` says for plain records
    what `rules` and `line` say, only faster.
    """

    name: str
    rules: Mapping[str, tuple[Rule, ...]]
    line: Callable[[Row], Line]
    path: Callable[[str, str], str] = lambda task, split: f"{task}/{split}.jsonl"
    extras: Callable[[Mapping[tuple[str, str], int], int], dict[str, str]] = lambda rows, max_tokens: {}
    arrays: bool = False
    always: tuple[str, ...] = ()
    plain: Plain | None = None
