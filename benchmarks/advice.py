"""`make bench-advice`: how often advice's rules agree with data whose kind is known; writes the table of docs/advise.md

    python -m benchmarks.advice [--data FOLDER]

FOLDER holds what shared data is named in docs/quality.md; a set that is not there is left out and said so.
"""

import argparse
import gzip
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from benchmarks.pages import as_markdown, into_page
from benchmarks.rounds import ROOT
from checks.catalogue import all_checks, verdicts
from pipelines.advice.needs import FORM, LOOKED_UP, Need, with_needs
from pipelines.ingest import read_records

PAGE = ROOT / "docs" / "advise.md"
DATED = ROOT / "benchmarks" / "labels" / "dated.jsonl"


class Known(NamedTuple):
    """Rows of one kind, and which needs say so."""

    name: str
    records: pl.DataFrame
    right: tuple[Need, ...]


def judged(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows (instruction, input, output, and whatever else) as a run would judge them."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
        file.flush()
        return read(Path(file.name))


def read(path: Path) -> pl.DataFrame:
    """A file that ingest reads."""
    checks = [each for each in all_checks() if each.family == "parsing" or each.reason == "grounding.needs_live_data"]
    records = read_records(str(path))
    return with_needs(pl.concat([records, verdicts(records, checks)], how="horizontal"))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    yield from (json.loads(line) for line in text.split("\n") if line.strip())


def _asked(prompt: str, answer: str) -> dict[str, str]:
    return {"instruction": prompt, "input": "", "output": answer}


def known(data: Path) -> Iterator[Known]:
    """Each set that is there."""
    dated = [_asked(row["prompt"], row["completion"]) | {"live": row["live"]} for row in _lines(DATED)]
    yield Known("dated questions (ours)", judged(row for row in dated if row["live"]), (Need.LIVE,))
    others = tuple(need for need in Need if need != Need.LIVE)
    yield Known("undated look-alikes (ours)", judged(row for row in dated if not row["live"]), others)
    if (path := data / "decontam" / "gsm8k_test.jsonl").is_file():
        yield Known(
            "GSM8K, test", judged(_asked(row["question"], row["answer"]) for row in _lines(path)), (Need.REASONING,)
        )
    if (path := data / "decontam" / "humaneval.jsonl.gz").is_file():
        rows = (_asked(row["prompt"], row["canonical_solution"]) for row in _lines(path))
        yield Known("HumanEval", judged(rows), (Need.STRUCTURE,))
    if (path := data / "raw" / "code_alpaca_2k.json").is_file():
        yield Known("CodeAlpaca, 2k", read(path), (Need.STRUCTURE,))
    if (path := data / "raw" / "self_instruct_seed_tasks.jsonl").is_file():
        yield Known("self-instruct, classification", judged(_classes(path)), (Need.GIVEN,))
    if (path := data / "raw" / "dolly_3k.jsonl").is_file():
        yield from _dolly(path)


def _classes(path: Path) -> Iterator[dict[str, Any]]:
    for row in _lines(path):
        if row["is_classification"]:
            yield {"instruction": row["instruction"], **row["instances"][0]}


_DOLLY = {
    "closed_qa": (Need.GIVEN,),
    "information_extraction": (Need.GIVEN,),
    "summarization": (Need.GIVEN,),
    "classification": (Need.GIVEN,),
    "creative_writing": (Need.STYLE,),
    # Facts of the world, in a word or in an explanation.
    "open_qa": (Need.FACTS, Need.GENERAL),
    "general_qa": (Need.FACTS, Need.GENERAL),
    "brainstorming": (Need.GENERAL, Need.FACTS, Need.STYLE),
}


def _dolly(path: Path) -> Iterator[Known]:
    records = read(path).with_columns(category=pl.col("metadata").str.json_path_match("$.category"))
    for category, right in _DOLLY.items():
        yield Known(f"Dolly, {category}", records.filter(pl.col("category") == category), right)


def table(sets: Iterable[Known]) -> str:
    """The confusion table as Markdown, in per cent of the rows that can be judged."""
    head = ["known as", "rows", *(need.value for need in Need), "right", "form or facts told apart"]
    lines = []
    for one in sets:
        needs = one.records["need"].drop_nulls()
        counts = dict(needs.value_counts().iter_rows())
        right = sum(counts.get(need.value, 0) for need in one.right)
        wrong_side = sum(counts.get(need.value, 0) for need in _other_side(one.right))
        cells = [f"{counts.get(need.value, 0) / len(needs):.0%}" for need in Need]
        apart = f"{1 - wrong_side / len(needs):.0%}" if _other_side(one.right) else "-"
        lines.append([one.name, f"{len(needs):,}", *cells, f"{right / len(needs):.0%}", apart])
    return as_markdown(head, lines)


def _other_side(right: tuple[Need, ...]) -> tuple[Need, ...]:
    """What would lead to the other advice: facts where it is form, form where it is facts."""
    if set(right) <= set(FORM):
        return LOOKED_UP
    return FORM if set(right) & set(LOOKED_UP) and not set(right) & set(FORM) else ()


def main() -> None:
    """Measure, and write the page's table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    made = table(known(parser.parse_args().data))
    PAGE.write_text(into_page(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
    print(made)


if __name__ == "__main__":
    main()
