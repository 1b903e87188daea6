"""Items of benchmarks planted in training rows, plain and disguised, and rows that only look like them"""

from pathlib import Path

import numpy as np

from benchmarks.labels.figures import Line, least, most
from benchmarks.labels.reading import lines, records
from pipelines.decontaminate import decontaminate
from pipelines.ingest import read_records
from schemas.settings import Settings

_BENCHMARKS = ("gsm8k_test.jsonl", "humaneval.jsonl.gz", "self_instruct_user_252.jsonl")
# What has to be found of each way of planting, and what an 8-gram overlap finds.
_LEVELS = {
    "verbatim": (1.00, "1.00"),
    "case_punct": (0.97, ".97"),
    "wrapped": (0.97, ".98"),
    "in_input": (0.97, ".98"),
    "half_only": (0.95, "1.00"),
    "numbers_changed": (0.90, ".97"),
    "words_dropped": (0.75, ".83"),
}


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    rows = lines(data / "dev_labels" / "contam_planted_dev.jsonl.gz")
    labels = {row["id"]: row for row in lines(data / "dev_labels" / "contam_planted_dev_labels.jsonl")}
    items = {name: read_records(str(data / "decontam" / name)) for name in _BENCHMARKS}
    settings = Settings().contamination
    read = records(rows)
    outcome = decontaminate(read, items, ngram=settings.ngram, min_overlap=settings.min_overlap)
    gone = np.isin(read["row_id"].to_numpy(), outcome.dropped["row_id"].to_numpy())
    level = np.array([labels[row["id"]].get("level", "") for row in rows])
    kind = np.array([labels[row["id"]]["kind"] for row in rows])
    made = []
    for name, (recall, baseline) in _LEVELS.items():
        mine = level == name
        made.append(
            Line(
                f"planted, {name}",
                f"{int(mine.sum())} rows",
                "recall",
                float(gone[mine].mean()),
                baseline,
                least(recall),
            )
        )
    for name, bound, baseline in (("clean", 0.005, ".015"), ("hard_negative", 0.01, "")):
        mine = kind == name
        made.append(
            Line(
                f"contamination, {name.replace('_', ' ')}s",
                f"{int(mine.sum())} rows",
                "flagged",
                float(gone[mine].mean()),
                baseline,
                most(bound),
                "lower is better",
            )
        )
    return made
