"""Trainability: what the trainer will do with a record, where a target to train is named.

`training` is measured beforehand with the target's own tokenizer and chat template (pipelines/trainability); null
where none is named, and then no check here applies. Its counts are null where the record could not be rendered.

What fails and what passes depends on the target. The examples are about a small window, a loss of the assistant's
turns alone, and a chat template that wants user and assistant in turn, writes no calls and leaves out thoughts.
"""

import polars as pl

from checks._examples import ANSWER, RESULT, SYSTEM, USER, asks, call, says, talk
from checks.registry import Severity, check

_LONG = "The river rises in the hills. " * 8


def _measured(field: str) -> pl.Expr:
    return pl.col("training").struct.field(field)


_ERROR, _TOKENS = _measured("error"), _measured("tokens")
_RENDERED = _TOKENS.is_not_null()


@check(
    Severity.REVIEW,
    applies=_RENDERED | _ERROR.is_not_null(),
    fails=talk(USER, USER, ANSWER),
    but_not=talk(SYSTEM, USER, ANSWER),
)
def template_error() -> pl.Expr:
    """The chat template renders the record; a trainer stops at one where it raises (roles, system turn, tools)."""
    return _ERROR.is_null()


@check(Severity.REVIEW, applies=_RENDERED, fails=asks(_LONG), but_not=says(_LONG))
def skipped_by_trainer() -> pl.Expr:
    """The trainer would not skip this row: at least one token that it learns lies within the window."""
    return ~_measured("skipped")


@check(
    Severity.REVIEW,
    applies=_RENDERED,
    fails=talk(USER, ANSWER, {**USER, "content": _LONG}, ANSWER),
    but_not=talk(USER, ANSWER, USER, {**ANSWER, "content": _LONG}),
)
def answer_cut_off() -> pl.Expr:
    """The last answer begins within the window; beyond it only the question is trained on."""
    return ~_measured("answer_cut")


@check(Severity.NOTE, applies=_RENDERED, fails=says(_LONG), but_not=says("The river rises in the hills."))
def truncated() -> pl.Expr:
    """The rendered record fits the window, so that nothing of it is cut off."""
    return _measured("kept") == _TOKENS


@check(
    Severity.REVIEW,
    applies=_RENDERED,
    fails=asks("What does <|im_end|> do?"),
    but_not=asks("What does im_end do?"),
)
def control_token_in_text() -> pl.Expr:
    """No text of the record holds a control token of the target, which would end or begin a turn, or a document."""
    return _measured("control_tokens").is_null()


@check(
    Severity.REVIEW,
    applies=_measured("lost_tool_parts").is_not_null(),
    fails=talk(USER, call(), RESULT, ANSWER),
    but_not=talk(USER, {**ANSWER, "content": "add(2, 2)"}, RESULT, ANSWER),
)
def tool_use_lost() -> pl.Expr:
    """The chat template renders every tool that is offered, every call and every result."""
    return _measured("lost_tool_parts") == 0


@check(
    Severity.NOTE,
    applies=_RENDERED,
    fails=says("<think>Hills are high.</think>It rises in the hills."),
    but_not=says("\n It rises in the hills.\n"),
)
def turn_altered() -> pl.Expr:
    """Every turn's words stand in the rendered text as they are: the template leaves out or changes none."""
    return _measured("lost_turns") == 0


@check(
    Severity.NOTE,
    applies=_RENDERED,
    fails=talk(USER, {**ANSWER, "train": False}, USER, ANSWER),
    but_not=talk({**USER, "train": False}, ANSWER),
)
def loss_mask_ignored() -> pl.Expr:
    """The trainer takes its loss of each turn as the record says it should, where it says so."""
    return _measured("masked_turns") == 0
