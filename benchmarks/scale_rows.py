"""Rows of any number, made from a few: words perturbed by a seeded draw, and duplicates planted at a known share

    python -m benchmarks.scale_rows SOURCE OUT.jsonl ROWS [SEED]

SOURCE is alpaca_data.json (or .gz), or JSON lines with instruction, input and output. Rows are made and written one by
one, so that a million take no more memory than their source; the same call makes the same bytes.
"""

import gzip
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

# Of a hundred rows: this many are copies of an earlier row of their own, to the letter or with one word changed.
EXACT, NEAR = 2, 3
# Of a hundred words of any other row, as many are replaced by another word of the source; of an instruction two at
# least. Two rows that come from one are then no duplicates, and the share of duplicates is the same at every size.
CHANGED, AT_LEAST = 50, 2
# Copies are made of the rows before them, of which this many are remembered.
REMEMBERED = 2_000


class Made(NamedTuple):
    """A row, and what it is: original, exact or near; of a copy, which row (from 1) it is a copy of, else 0."""

    row: dict[str, str]
    kind: str
    of: int = 0


def made(source: list[dict[str, str]], rows: int, seed: int = 0) -> Iterator[Made]:
    """`rows` rows. Row i follows from row i modulo the source's; the first pass is perturbed like every other.

    >>> two = [{"instruction": "Name a city.", "input": "", "output": "Rome is one."}]
    >>> [each.kind for each in made(two, 3)], next(made(two, 1)) == next(made(two, 1))
    (['original', 'original', 'original'], True)
    """
    draw = random.Random(seed)
    words = sorted({word for row in source[:5_000] for word in row["output"].split()})
    before: list[tuple[int, dict[str, str]]] = []
    for number in range(rows):
        kind = draw.randrange(100)
        if before and kind < EXACT + NEAR:
            place, found = before[draw.randrange(len(before))]
            row = dict(found)
            if kind >= EXACT:
                row["output"] = _one_word_twice(row["output"], draw)
            yield Made(row, "exact" if kind < EXACT else "near", place)
            continue
        origin = source[number % len(source)]
        row = {
            name: _perturbed(text, words, draw, AT_LEAST if name == "instruction" else 0)
            for name, text in origin.items()
        }
        if len(before) < REMEMBERED:
            before.append((number + 1, row))
        else:
            before[draw.randrange(REMEMBERED)] = (number + 1, row)
        yield Made(row, "original")


def _perturbed(text: str, words: list[str], draw: random.Random, at_least: int = 0) -> str:
    """A share of the words, anywhere, are others; lines stay."""
    lines = [line.split() for line in text.split("\n")]
    places = [(row, column) for row, line in enumerate(lines) for column in range(len(line))]
    forced = set(draw.sample(places, min(at_least, len(places))))
    for row, column in places:
        if draw.randrange(100) < CHANGED or (row, column) in forced:
            lines[row][column] = words[draw.randrange(len(words))]
    return "\n".join(" ".join(line) for line in lines)


def _one_word_twice(text: str, draw: random.Random) -> str:
    """A near-copy: a word in the middle is said twice."""
    words = text.split(" ")
    place = draw.randrange(len(words))
    return " ".join([*words[: place + 1], *words[place:]])


def read(path: Path) -> list[dict[str, str]]:
    """Instruction, input and output of every row of the source."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    rows: list[dict[str, Any]] = (
        json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    )
    return [{name: str(row.get(name) or "") for name in ("instruction", "input", "output")} for row in rows]


def write(source: Path, out: Path, rows: int, seed: int = 0) -> dict[str, int]:
    """Write the rows as JSON lines, and beside them what was planted: `planted_in`. Returns how many of each kind."""
    counts = {"original": 0, "exact": 0, "near": 0}
    copies: list[tuple[int, int, str]] = []
    new = out.with_name(out.name + ".new")
    with new.open("w", encoding="utf-8") as lines:
        for number, (row, kind, of) in enumerate(made(read(source), rows, seed), start=1):
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            counts[kind] += 1
            if of:
                copies.append((number, of, kind))
    planted = {"row": pl.Int64, "of": pl.Int64, "kind": pl.String}
    pl.DataFrame(copies, schema=planted, orient="row").write_parquet(planted_in(out))
    new.replace(out)
    return counts


def planted_in(rows: Path) -> Path:
    """Where `write` says which rows (from 1) of a file are copies of which: `row`, `of`, `kind`."""
    return rows.with_suffix(".planted.parquet")


def recall(planted: pl.DataFrame, ledger: pl.DataFrame) -> dict[str, float]:
    """Of the planted copies of each kind, the share of which not both ends are still in the data.

    Pairs with an end that went for another reason than being a duplicate say nothing, and do not count.
    """
    fate = ledger.select("source_row", "outcome")
    ends = planted.join(fate, left_on="row", right_on="source_row").join(
        fate, left_on="of", right_on="source_row", suffix="_of"
    )
    twin = (pl.col("outcome") == "duplicate") | (pl.col("outcome_of") == "duplicate")
    gone = pl.col("outcome", "outcome_of").is_in(["dropped", "contaminated", "unreadable"])
    shares = ends.filter(~pl.any_horizontal(gone)).group_by("kind").agg(twin.mean().alias("found")).sort("kind")
    return {kind: round(float(found), 5) for kind, found in shares.iter_rows()}


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int((sys.argv[4:] or ["0"])[0])))
