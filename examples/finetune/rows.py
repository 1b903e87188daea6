"""What is trained on: the rows that the release exported for TRL, which the gate has just proven."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import UsageError
from schemas.outcome import SPLITS
from schemas.report import Report

Message = dict[str, Any]

# Windows are a multiple of it, as in `assay recipe`: what tiles of a matrix product divide evenly.
_STEP = 128
# The public tokenizer that the report counts with has 100,000 words, SmolLM2's 49,152; and a template writes more.
_ROOM = 1.5


class Rows(NamedTuple):
    """Conversations by split; `left_out` are rows by the task that they are for, all splits together."""

    train: list[list[Message]]
    validation: list[list[Message]]
    test: list[list[Message]]
    left_out: dict[str, int]


def rows_of(release: Path) -> Rows:
    """Raises UsageError where the release has no export for TRL, or nothing in it to finetune on."""
    folder = release / "exports" / "trl"
    if not folder.is_dir():
        raise UsageError(f"{release}: has no export for TRL; run `assay curate` again with --to trl")
    train, validation, test = (_conversations(folder / "sft" / f"{split}.jsonl") for split in SPLITS)
    if not train:
        raise UsageError(f"{release}: has no row to finetune on; curate more data, or relax its checks")
    others = sorted(task for task in folder.iterdir() if task.is_dir() and task.name != "sft")
    return Rows(train, validation, test, {task.name: sum(map(_lines, task.glob("*.jsonl"))) for task in others})


def window_of(report: Report) -> int:
    """Tokens that hold all but the longest rows. Raises UsageError where the report has no lengths."""
    longest = (report.tokens.quantiles or {}).get("0.95")
    if longest is None:
        raise UsageError("the report has no lengths of rows; say --window")
    return _STEP * math.ceil(_ROOM * longest / _STEP)


def _conversations(path: Path) -> list[list[Message]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        return [[_plain(turn) for turn in json.loads(line)["messages"]] for line in file]


def _plain(turn: Message) -> Message:
    return {"role": turn["role"], "content": turn["content"]}


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
