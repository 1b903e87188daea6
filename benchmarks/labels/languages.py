"""Texts whose language is known, code, and texts too short to tell"""

from pathlib import Path

import polars as pl

from benchmarks.labels.figures import Line, least, most
from benchmarks.labels.reading import content, lines
from pipelines._languages import detect

_LEAST = 0.98


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    english = [row["a"] for row in lines(data / "dev_labels" / "dup_pairs_pawsx-en_dev.jsonl.gz")]
    chinese = content(data / "raw" / "alpaca_zh_reviewed.json.gz")
    code = [row["output"] for row in content(data / "raw" / "code_alpaca_2k.json")]
    short = [text for row in content(data / "raw" / "code_alpaca_2k.json") if len(text := row["input"]) in range(1, 12)]
    return [
        _told("English", "PAWS-X", english, "en"),
        _told("Chinese", "Alpaca in Chinese, instructions", [row["instruction"] for row in chinese], "zh"),
        _decided("Chinese", "Alpaca in Chinese, answers", [row["output"] for row in chinese], "zh"),
        _foreign("code", "Code Alpaca, answers", code),
        _foreign("short texts", "Code Alpaca, inputs below 12 characters", short),
    ]


def _told(what: str, on: str, texts: list[str], language: str) -> Line:
    right = (detect(pl.Series(texts))["language"] == language).fill_null(False)
    return Line(
        f"language: {what}", f"{on}, {len(texts):,}", "share right", float(right.mean() or 0), "", least(_LEAST)
    )


def _decided(what: str, on: str, texts: list[str], language: str) -> Line:
    """Of answers many are a word, a number or code, which say nothing of a language."""
    said = detect(pl.Series(texts))["language"]
    right = float((said.drop_nulls() == language).mean() or 0)
    note = f"{said.null_count() / len(texts):.1%} undecided: code, numbers, single words"
    return Line(f"language: {what}", f"{on}, {len(texts):,}", "right where decided", right, "", least(_LEAST), note)


def _foreign(what: str, on: str, texts: list[str]) -> Line:
    said = detect(pl.Series(texts))["language"]
    foreign = float((said.is_not_null() & (said != "en")).mean() or 0)
    return Line(
        f"language: {what}", f"{on}, {len(texts):,}", "called foreign", foreign, "", most(1 - _LEAST), "lower is better"
    )
