"""Answers that we cut off, anywhere: how many of them are told from the whole ones"""

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.labels.figures import Line, most
from benchmarks.labels.reading import checked, fails, there
from pipelines.ingest import read_records

SEED = 20260417
# An answer worth cutting, and the rows that are taken of a large set.
MIN_CHARACTERS, ROWS = 400, 4000
_SETS = {"Alpaca": "alpaca_data.json.gz", "DPO": "prefs_dpo_en.json", "code": "code_alpaca_2k.json"}
_CHECKS = ("formatting.unfinished", "formatting.open_code_fence", "formatting.open_bracket")


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    made = []
    for name, file in _SETS.items():
        read = read_records(str(there(data / "raw" / file))).filter(
            pl.col("completion").str.len_chars() >= MIN_CHARACTERS
        )
        whole = read.sample(min(ROWS, read.height), seed=SEED)
        chance = np.random.default_rng(SEED)
        cut = [text[: int(len(text) * chance.uniform(0.3, 0.95))] for text in whole["completion"]]
        judged = checked(whole.with_columns(completion=pl.Series(cut), row_id=pl.arange(whole.height, dtype=pl.Int64)))
        left = checked(whole)
        on = f"{name}, {whole.height} long answers cut anywhere"
        parts = ", ".join(f"{reason.partition('.')[2]} {fails(judged, reason).mean():.2f}" for reason in _CHECKS)
        false = float(fails(left, *_CHECKS).mean() or 0)
        made += [
            Line(
                "cut off, any of three checks",
                on,
                "recall",
                float(fails(judged, *_CHECKS).mean() or 0),
                "",
                None,
                parts,
            ),
            Line(
                "cut off, any of three checks",
                f"{name}, the same whole",
                "flagged",
                false,
                "",
                most(0.05),
                "lower is better",
            ),
        ]
    return made
