"""Trainability: what the trainer will do with a record, where a target to train is named.

`training` is measured beforehand with the target's own tokenizer and chat template (pipelines/trainability); null
where none is named, and then no check here applies. Its counts are null where the record could not be rendered.
"""

import polars as pl

from checks.registry import Severity, check


def _measured(field: str) -> pl.Expr:
    return pl.col("training").struct.field(field)


_ERROR, _TOKENS = _measured("error"), _measured("tokens")
_RENDERED = _TOKENS.is_not_null()


@check(Severity.REVIEW, applies=_RENDERED | _ERROR.is_not_null())
def template_error() -> pl.Expr:
    """The chat template renders the record; a trainer stops at one where it raises (roles, system turn, tools)."""
    return _ERROR.is_null()


@check(Severity.REVIEW, applies=_RENDERED)
def skipped_by_trainer() -> pl.Expr:
    """The trainer would not skip this row: at least one token that it learns lies within the window."""
    return ~_measured("skipped")


@check(Severity.REVIEW, applies=_RENDERED)
def answer_cut_off() -> pl.Expr:
    """The last answer begins within the window; beyond it only the question is trained on."""
    return ~_measured("answer_cut")


@check(Severity.NOTE, applies=_RENDERED)
def truncated() -> pl.Expr:
    """The rendered record fits the window, so that nothing of it is cut off."""
    return _measured("kept") == _TOKENS


@check(Severity.REVIEW, applies=_RENDERED)
def control_token_in_text() -> pl.Expr:
    """No text of the record holds a control token of the target, which would end or begin a turn, or a document."""
    return _measured("control_tokens").is_null()


@check(Severity.REVIEW, applies=_measured("lost_tool_parts").is_not_null())
def tool_use_lost() -> pl.Expr:
    """The chat template renders every tool that is offered, every call and every result."""
    return _measured("lost_tool_parts") == 0


@check(Severity.NOTE, applies=_RENDERED)
def turn_altered() -> pl.Expr:
    """Every turn's words stand in the rendered text as they are: the template leaves out or changes none."""
    return _measured("lost_turns") == 0


@check(Severity.NOTE, applies=_RENDERED)
def loss_mask_ignored() -> pl.Expr:
    """The trainer takes its loss of each turn as the record says it should, where it says so."""
    return _measured("masked_turns") == 0
