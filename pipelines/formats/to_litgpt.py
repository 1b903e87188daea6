"""LitGPT: instruction, input and output for its JSON data module. Follows "Prepare dataset" in its tutorials.

The module reads a folder with train.json and val.json; test.json stands beside them for evaluation.
One question and one answer make a row: conversations of several turns, system prompts, tools and
preferences have no form and are refused, and so are unwanted completions. Where the question ends with
the record's context, the context becomes `input` again.
"""

import polars as pl

from pipelines.formats._exporter import Exporter, Line, Plain, Refusal, Row, Why
from pipelines.formats._plain import SPACE
from pipelines.formats._rules import answered, known_roles, no_empty_turn, no_tools, prompted, unmasked, wanted
from schemas.outcome import Fate
from schemas.record import Kind

FILES = {Fate.TRAIN: "train.json", Fate.VALIDATION: "val.json", Fate.TEST: "test.json"}


def no_system(row: Row) -> Refusal | None:
    """No turn is the system's: the prompt style brings its own."""
    system = any(turn["role"] == "system" for turn in row["messages"])
    return Refusal(Why.SYSTEM, "a system prompt has no place beside instruction and input") if system else None


def one_exchange(row: Row) -> Refusal | None:
    """One question, one answer."""
    roles = [turn["role"] for turn in row["messages"]]
    if roles == ["user", "assistant"]:
        return None
    return Refusal(Why.MULTI_TURN, f"{len(roles)} turns; one question and one answer make a row")


def line(row: Row) -> Line:
    """The record as LitGPT reads it. Only for records that passed the rules."""
    question, answer = (turn["content"] for turn in row["messages"])
    instruction, given = _split(question, row["context"])
    return Line("sft", {"instruction": instruction, "input": given, "output": answer})


def _split(question: str, context: str | None) -> tuple[str, str]:
    if context and question.endswith(f"\n{context}"):
        instruction = question.removesuffix(context).rstrip()
        return (instruction, context) if instruction else (question, "")
    return question, ""


def _plain() -> Plain:
    """One question and its answer; `_split` as columns."""
    messages, context = pl.col("messages"), pl.col("context")
    question, answer = (messages.list.get(at, null_on_oob=True).struct.field("content") for at in (0, 1))
    before = question.str.strip_suffix(context).str.strip_chars_end(SPACE)
    splits = (context != "") & question.str.ends_with(pl.lit("\n") + context) & (before != "")
    instruction, given = pl.when(splits).then(before).otherwise(question), pl.when(splits).then(context)
    content = pl.struct(instruction=instruction, input=given.fill_null(""), output=answer)
    return Plain("sft", content, fits=messages.list.len() == 2)


_RULES = (known_roles, answered, prompted, no_empty_turn, no_tools, no_system, one_exchange, unmasked)

LITGPT = Exporter(
    name="litgpt",
    rules={Kind.SFT: _RULES, Kind.KTO: (wanted, *_RULES)},
    line=line,
    path=lambda task, split: FILES[Fate(split)],
    arrays=True,
    plain=_plain(),
    always=(FILES[Fate.TRAIN], FILES[Fate.VALIDATION]),
)
