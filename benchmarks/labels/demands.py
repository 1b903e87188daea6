"""Demands that prompts state: rows of Alpaca read by hand, violations planted in kept ones, and prompts of our own

`constraints.tsv` has a row of Alpaca, the check that is about it, and whether a reader found the demand kept or broken:
every row that failed when the labels were made (of `word_target` every second), those that failed before a wording was
narrowed, and about 20 that passed of each check. What makes no such demand is kept.
`demands.jsonl` has prompts in the kinds of IFEval, each with an answer that keeps the demand and one that breaks it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.labels.figures import Line, found, least, most
from benchmarks.labels.reading import alpaca, asked, checked, fails, records
from checks.catalogue import verdicts
from checks.registry import CHECKS

SEED = 20260418
# Planted are this many of each check, where there are as many rows that keep it.
MOST_PLANTED = 200
_HERE = Path(__file__).parent
_MORE = " It is so."


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    return [*_read_by_hand(data), *_planted(data), *_own()]


def _read_by_hand(data: Path) -> list[Line]:
    labels = pl.read_csv(_HERE / "constraints.tsv", separator="\t")
    made = []
    for (name,), of_check in labels.group_by("check", maintain_order=True):
        broken = (of_check["verdict"] == "broken").to_numpy()
        if not broken.any():
            continue
        flags = fails(alpaca(data)[of_check["row"].to_list()], f"constraints.{name}").fill_null(False)
        scores = found(flags, broken)
        on = f"Alpaca, {of_check.height} answers read by hand, {int(broken.sum())} broken"
        # Of a handful nothing can be required.
        needed = least(0.8) if broken.sum() >= 10 else None
        made.append(Line(f"constraints.{name}", on, "precision", scores.precision, "", needed))
    return made


def _without_last_line(answer: str) -> str:
    return answer.rstrip().rpartition("\n")[0]


_BREAKS: dict[str, Callable[[str, str], str]] = {
    "item_count": lambda _, answer: _without_last_line(answer),
    "word_limit": lambda _, answer: answer + _MORE * 500,
    "word_target": lambda _, answer: answer + _MORE * 500,
    "character_limit": lambda _, answer: answer + _MORE * 500,
    "sentence_count": lambda _, answer: answer + _MORE * 40,
    "paragraph_count": lambda _, answer: answer + f"\n\n{_MORE}" * 20,
    "required_words": lambda _, answer: "Nobody can tell.",
    "forbidden_words": lambda request, answer: f"{answer} {request}",
    "start_with": lambda _, answer: "However, " + answer,
    "choice_outside_options": lambda _, answer: "Perhaps.",
}
"""By check: an answer that breaks what a request demands, from the request and an answer that keeps it."""


def _planted(data: Path) -> list[Line]:
    """Each answer breaks its demand for certain, unless it is one that has no upper bound, which is left out."""
    made = []
    for name, breaks in _BREAKS.items():
        check = CHECKS[f"constraints.{name}"]
        kept = alpaca(data).filter(pl.col(check.column) & ~pl.col("prompt").str.contains(r"(?i)at least|more|min"))
        if name == "item_count":
            kept = kept.filter(pl.col("completion").str.contains(r"\n(?:\d+[.)]|[-*•]) [^\n]+\s*$"))
        drawn = np.random.default_rng(SEED).permutation(kept.height)[:MOST_PLANTED]
        rows = []
        for prompt, context, answer in kept[drawn.tolist()].select("prompt", "context", "completion").iter_rows():
            request = prompt.removesuffix(context or "").strip()
            rows.append({"instruction": request, "input": context or "", "output": breaks(request, answer)})
        said = verdicts(records(rows), [check]).to_series()
        on = f"Alpaca, {len(rows)} kept answers, each broken"
        note = "a violation planted by rule: an item taken away, more text, no word of it"
        made.append(Line(check.reason, on, "recall", float((~said).fill_null(False).mean() or 0), "", least(0.9), note))
    return made


def _own() -> list[Line]:
    rows = [json.loads(line) for line in (_HERE / "demands.jsonl").read_text(encoding="utf-8").splitlines()]
    prompts = [row["prompt"] for row in rows]
    broken, kept = (checked(asked(prompts, [row[side] for row in rows])) for side in ("broken", "kept"))
    column = [f"chk_constraints.{row['check']}" for row in rows]
    told = np.array([broken[name][place] is False for place, name in enumerate(column)])
    false = np.array([kept[name][place] is False for place, name in enumerate(column)])
    missed = sorted({row["kind"].rpartition(":")[2] for row, is_told in zip(rows, told, strict=True) if not is_told})
    kinds = len({row["kind"] for row in rows if ":" in row["kind"]})
    on = f"our own, {len(rows)} prompts in {kinds - 1} of IFEval's 25 kinds and lists"
    note = f"not all of: {', '.join(missed)}" if missed else "every kind but JSON, which is parsed elsewhere"
    return [
        Line("constraints, broken", on, "recall", float(told.mean()), "", least(0.9), note),
        Line("constraints, kept", on, "flagged", float(false.mean()), "", most(0.05), "lower is better"),
    ]
