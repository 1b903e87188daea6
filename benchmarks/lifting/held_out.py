"""What people wrote, and no run is trained on: sets whose loss is measured, and prompts whose answers can be checked"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from benchmarks.labels.reading import asked, checked, lines, records

DOLLY = 200
"""Of Dolly's rows so many are held out."""
_DEMANDS = Path(__file__).parents[1] / "labels" / "demands.jsonl"
Rows = list[dict[str, str]]


class Dolly(NamedTuple):
    """Rows to train on, and rows held out."""

    known: Rows
    held_out: Rows


def dolly(data: Path) -> Dolly:
    """Dolly, shared out by a seed; a question that stands on both sides is left out of what is held out."""
    rows = [
        {"instruction": row["instruction"], "input": row["context"], "output": row["response"]}
        for row in lines(data / "raw" / "dolly_3k.jsonl")
    ]
    order = np.random.default_rng(0).permutation(len(rows))
    known = [rows[at] for at in order[DOLLY:]]
    asked_there = {row["instruction"] for row in known}
    return Dolly(known, [rows[at] for at in order[:DOLLY] if rows[at]["instruction"] not in asked_there])


def self_instruct(data: Path) -> Rows:
    """The 252 user-oriented instructions, each with its first instance."""
    path = data / "decontam" / "self_instruct_user_252.jsonl"
    return [{"instruction": row["instruction"], **row["instances"][0]} for row in lines(path)]


def oasst(data: Path) -> Rows:
    """The best reply of a person to each first prompt: rank 0, not made by a model."""
    return [
        {"instruction": tree["prompt"]["text"], "input": "", "output": reply["text"]}
        for tree in lines(data / "raw" / "oasst_en_trees.jsonl")
        for reply in tree["prompt"]["replies"]
        if reply.get("rank") == 0 and not reply["synthetic"] and not reply["deleted"]
    ]


def gsm8k(data: Path) -> Rows:
    """The items of GSM8K's test set."""
    path = data / "decontam" / "gsm8k_test.jsonl"
    return [{"instruction": row["question"], "input": "", "output": row["answer"]} for row in lines(path)]


def held_out(data: Path) -> dict[str, pl.DataFrame]:
    """The sets by name, as records."""
    return {
        "self-instruct 252": records(self_instruct(data)),
        "Dolly, held out": records(dolly(data).held_out),
        "OASST, best replies": records(oasst(data)),
    }


class Demand(NamedTuple):
    """A prompt, and the check that says whether an answer keeps what it demands."""

    prompt: str
    check: str


def demands() -> list[Demand]:
    """Our own prompts in the kinds of IFEval."""
    rows: Iterator[dict[str, Any]] = map(json.loads, _DEMANDS.read_text(encoding="utf-8").splitlines())
    return [Demand(row["prompt"], f"chk_constraints.{row['check']}") for row in rows]


def kept(asked_for: list[Demand], answers: list[str]) -> list[bool]:
    """Whether each answer keeps its demand; an empty one does not."""
    judged = checked(asked([one.prompt for one in asked_for], [answer or " " for answer in answers]))
    return [
        bool(answer.strip()) and judged[one.check][place] is True
        for place, (one, answer) in enumerate(zip(asked_for, answers, strict=True))
    ]
