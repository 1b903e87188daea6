"""Labelled data as it lies in a folder, and texts as the records that a run makes of them"""

import gzip
import json
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines.ingest import read_records
from pipelines.validate import validate
from schemas.settings import Settings

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Where the data is looked for: `raw`, `dev_labels` and `decontam` below it."""


class MissingError(Exception):
    """A file is not there; the message names it."""


def lines(path: Path) -> list[Any]:
    """JSON lines, plain or gzip; each line an object."""
    return [json.loads(line) for line in _content(path).splitlines()]


def content(path: Path) -> Any:
    """One JSON value, plain or gzip."""
    return json.loads(_content(path))


def there(path: Path) -> Path:
    """`path`, where there is something. Raises MissingError."""
    if not path.exists():
        raise MissingError(f"{path} is not there")
    return path


def _content(path: Path) -> bytes:
    raw = there(path).read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


@cache
def alpaca(data: Path) -> pl.DataFrame:
    """Alpaca's records with every check's verdict and the measures; row i is row i of the file."""
    return checked(read_records(str(there(data / "raw" / "alpaca_data.json.gz"))))


def records(rows: Sequence[Mapping[str, str]]) -> pl.DataFrame:
    """Records of rows with `instruction`, `input` and `output`, read as a run reads a file; in their order."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(dict(row)) + "\n" for row in rows), encoding="utf-8")
        read = read_records(str(path), shape="alpaca")
    assert read.height == len(rows), "a labelled row could not be read"
    return read


def asked(prompts: Sequence[str], answers: Sequence[str] | None = None) -> pl.DataFrame:
    """Records of prompts and answers; without answers each has a short one of its own."""
    said = answers if answers is not None else ["OK."] * len(prompts)
    return records(
        [{"instruction": prompt, "input": "", "output": answer} for prompt, answer in zip(prompts, said, strict=True)]
    )


def checked(read: pl.DataFrame) -> pl.DataFrame:
    """Records with every check's verdict, in their order, dropped or not."""
    outcome = validate(read, **Settings().validation.model_dump())
    return pl.concat([outcome.kept, outcome.dropped.select(outcome.kept.columns)]).sort("row_id")


def fails(judged: pl.DataFrame, *reasons: str) -> pl.Series:
    """Which records fail one of these checks at least; one that is not about them they do not fail."""
    passed = (pl.col(f"chk_{reason}").fill_null(True) for reason in reasons)
    return judged.select(~pl.all_horizontal(passed)).to_series()


def flagged(judged: pl.DataFrame) -> pl.Series:
    """Which records are dropped or go to review."""
    either = (pl.col("drop_reasons").list.len() > 0) | (pl.col("review_reasons").list.len() > 0)
    return judged.select(either).to_series()


def of_others(values: pl.Series, seed: int) -> pl.Series:
    """Each in another's place, drawn: none keeps its own."""
    order = np.random.default_rng(seed).permutation(len(values))
    other = np.empty(len(values), dtype=np.int64)
    other[order] = np.roll(order, 1)
    return values[other]
