"""Structure: the turns are there, in an order a chat template can render, and the pair is a pair."""

import polars as pl

from checks._examples import ANSWER, RESULT, SYSTEM, USER, asks, call, kto, pair, says, talk
from checks._text import VISIBLE, completion, derived, has, is_kind, prompt
from checks.registry import Severity, check
from schemas.record import Kind


def _turns(of: str, field: str) -> pl.Expr:
    return pl.col(of).list.eval(pl.element().struct.field(field).fill_null(""))


# The roles in order, each between commas: `,user,assistant,`. "" when there are no messages.
_ROLES = derived("t_roles", (pl.lit(",") + _turns("messages", "role").list.join(",") + pl.lit(",")).fill_null(""))


def _all_turns() -> pl.Expr:
    """Every turn of the record, both answers of a pair included."""
    lists = [pl.col(name).fill_null([]) for name in ("messages", "chosen", "rejected")]
    return pl.concat_list(lists)


def _text_of(turns: str) -> pl.Expr:
    return _turns(turns, "content").list.join("\n").fill_null("")


def _calls_of(turns: str) -> pl.Expr:
    """Each call's name and arguments in order, as text."""
    function = pl.element().struct.field("tool_calls").list.eval(_called()).list.join("\n").fill_null("")
    return pl.col(turns).list.eval(function).list.join("\n").fill_null("")


def _called() -> pl.Expr:
    function = pl.element().struct.field("function")
    return pl.concat_str(
        function.struct.field("name").fill_null(""), function.struct.field("arguments").fill_null(""), separator=" "
    )


def _calls_tools() -> pl.Expr:
    calls = pl.element().struct.field("tool_calls").list.len().fill_null(0) > 0
    return pl.any_horizontal(
        pl.col(turns).list.eval(calls).list.any().fill_null(False) for turns in ("messages", "chosen", "rejected")
    )


def _silent_turn(role: str) -> pl.Expr:
    """Whether a turn of this role has neither text nor a tool call."""
    turn = pl.element().struct
    silent = (
        (turn.field("role") == role)
        & ~turn.field("content").fill_null("").str.contains(VISIBLE)
        & (turn.field("tool_calls").list.len().fill_null(0) == 0)
    )
    return pl.col("messages").list.eval(silent).list.any().fill_null(False)


@check(Severity.DROP, fails=asks(" \n\t\u200b"), but_not=asks("Hi"))
def empty_prompt() -> pl.Expr:
    """The prompt has at least one visible character."""
    return has(prompt(), VISIBLE)


@check(Severity.DROP, fails=says(None), but_not=says("4"))
def empty_completion() -> pl.Expr:
    """The completion has at least one visible character."""
    # A talk that goes on after an answer has no completion, and is not empty: see ends_without_answer.
    goes_on = ~is_kind(Kind.PREFERENCE) & pl.col("completion").is_null() & has(_ROLES, ",assistant,")
    return has(completion(), VISIBLE) | goes_on


@check(Severity.DROP, fails=pair("4", "  "), but_not=pair("4", "5"))
def empty_rejected() -> pl.Expr:
    """A preference record has a rejected answer."""
    return ~is_kind(Kind.PREFERENCE) | has(_text_of("rejected") + _calls_of("rejected"), VISIBLE)


@check(Severity.DROP, fails=pair("4", "4 "), but_not=pair("4", "5"))
def same_answers() -> pl.Expr:
    """The chosen and the rejected answer of a preference record differ."""

    def answer(turns: str) -> pl.Expr:
        return (_text_of(turns) + pl.lit("\n") + _calls_of(turns)).str.strip_chars()

    return ~is_kind(Kind.PREFERENCE) | (answer("chosen") != answer("rejected"))


@check(Severity.DROP, fails=kto("4", None), but_not=kto("4", False))
def missing_label() -> pl.Expr:
    """A KTO record says whether its completion is wanted."""
    return ~is_kind(Kind.KTO) | pl.col("label").is_not_null()


@check(Severity.REVIEW, fails=talk(USER, ANSWER, USER), but_not=talk(USER, ANSWER))
def ends_without_answer() -> pl.Expr:
    """The last turn is the assistant's."""
    turns = pl.when(is_kind(Kind.PREFERENCE)).then(pl.col("chosen")).otherwise(pl.col("messages"))
    return (turns.list.last().struct.field("role") == "assistant").fill_null(False)


@check(Severity.NOTE, fails=talk(USER, USER, ANSWER), but_not=talk(USER, ANSWER, USER, ANSWER))
def roles_repeat() -> pl.Expr:
    """User and assistant take turns: neither speaks twice in a row."""
    return ~has(_ROLES, ",user,user,|,assistant,assistant,")


@check(Severity.NOTE, fails=talk(ANSWER, USER, ANSWER), but_not=talk(SYSTEM, USER, ANSWER))
def starts_with_assistant() -> pl.Expr:
    """The first turn after the system message is the user's."""
    return ~has(_ROLES, "^,(?:system,)*(?:assistant|tool),")


@check(Severity.NOTE, fails=talk(USER, SYSTEM, ANSWER), but_not=talk(SYSTEM, USER, ANSWER))
def late_system_turn() -> pl.Expr:
    """A system message stands first or nowhere."""
    return ~has(_ROLES, "(?:user|assistant|tool),system,")


@check(Severity.REVIEW, fails=talk(USER, RESULT, ANSWER), but_not=talk(USER, call(), RESULT, ANSWER))
def tool_result_without_call() -> pl.Expr:
    """Every tool result follows an assistant turn or another tool result."""
    return ~has(_ROLES, "^,tool,|(?:system|user),tool,")


@check(Severity.NOTE, fails=talk(USER, ANSWER, USER | {"content": " "}, ANSWER), but_not=talk(USER, ANSWER))
def silent_user_turn() -> pl.Expr:
    """Every user turn says something."""
    return ~_silent_turn("user")


@check(
    Severity.NOTE, fails=talk(USER, ANSWER | {"content": ""}, USER, ANSWER), but_not=talk(USER, call(), RESULT, ANSWER)
)
def silent_assistant_turn() -> pl.Expr:
    """Every assistant turn says something or calls a tool."""
    return ~_silent_turn("assistant")


@check(Severity.REVIEW, fails=talk(USER, call("{a: 2, b"), RESULT, ANSWER), but_not=talk(USER, call(), RESULT, ANSWER))
def tool_arguments_not_json() -> pl.Expr:
    """The arguments of every tool call are JSON text."""
    arguments = pl.element().struct.field("function").struct.field("arguments").fill_null("")
    broken = arguments.str.json_path_match("$").is_null()
    in_turn = pl.element().struct.field("tool_calls").list.eval(broken).list.any().fill_null(False)
    calling = pl.when(_calls_tools()).then(_all_turns())
    return ~calling.list.eval(in_turn).list.any().fill_null(False)


@check(Severity.NOTE, fails=talk(USER, ANSWER, tools="add"), but_not=talk(USER, ANSWER, tools='[{"name": "add"}]'))
def tools_not_json() -> pl.Expr:
    """The tool definitions, where there are some, are a JSON list."""
    tools = pl.col("tools")
    return tools.is_null() | has(tools.str.json_path_match("$").str.strip_chars_start(), r"^\[")
