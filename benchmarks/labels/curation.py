"""What is documented to be wrong with Alpaca, and what its curators took out or changed"""

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.labels.figures import Line, found, least, most
from benchmarks.labels.reading import alpaca, content, fails, flagged, lines

# A documented class, the checks that are to find it, and what has to be found of it.
_CLASSES = {
    "empty_output": (("structure.empty_completion",), 1.0),
    "merged_instructions": (("formatting.merged_instructions",), 0.93),
    "noinput_placeholder": (("formatting.placeholder_input",), 0.98),
    "na_or_noinput_output": (
        ("formatting.placeholder_answer", "formatting.nothing_answered", "formatting.placeholder_in_answer"),
        0.92,
    ),
    "media_in_output": (("formatting.media_in_answer",), 0.90),
}


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    return [*_documented(data), *_curated(data), *_arithmetic(data)]


def _documented(data: Path) -> list[Line]:
    judged = alpaca(data)
    labels = content(data / "dev_labels" / "alpaca_documented_defects_dev.json")["defects"]
    known = np.array(sorted({row for rows in labels.values() for row in rows}))
    made, wrong, said = [], 0, 0
    for name, (reasons, recall) in _CLASSES.items():
        flags = fails(judged, *reasons).to_numpy()
        true = np.zeros(len(flags), dtype=bool)
        true[labels[name]] = True
        # Only rows with a label of some class are known to be on this side of the data.
        scores = found(flags[known], true[known])
        note = f"precision {scores.precision:.2f}"
        made.append(
            Line(
                name,
                f"documented in Alpaca, {len(labels[name])} rows",
                "recall",
                scores.recall,
                "",
                least(recall),
                note,
            )
        )
        wrong += int((flags & ~true)[known].sum())
        said += int(flags[known].sum())
    note = "media: what a bracket stands for a picture in is not all documented"
    on = f"Alpaca's {len(known)} rows with a documented defect"
    return [*made, Line("the five together", on, "precision", 1 - wrong / said, "", least(0.9), note)]


def _curated(data: Path) -> list[Line]:
    rows = lines(data / "dev_labels" / "alpaca_curation_dev.jsonl.gz")
    judged = alpaca(data)[[row["alpaca_index"] for row in rows]]
    action = np.array([row["action"] for row in rows])
    flags = flagged(judged).to_numpy()
    noted = flags | fails(judged, "formatting.placeholder_input", "formatting.url_in_prompt").to_numpy()
    kept, gone = action == "kept", np.isin(action, ["removed", "noinput_normalised"])
    advised = fails(
        judged,
        *(column.removeprefix("chk_") for column in judged.columns if column.startswith("chk_") and _advises(column)),
    ).to_numpy()
    acted = found(advised, ~kept)
    on = f"AlpacaDataCleaned, {len(rows):,} rows"
    return [
        Line("removed or blanked by curators", on, "recall", float(noted[gone].mean()), "1.00", least(0.96)),
        Line(
            "rows that curators kept",
            on,
            "flagged",
            float(noted[kept].mean()),
            "0.0045",
            most(0.015),
            "lower is better",
        ),
        Line("all rows that curators acted on", on, "precision", acted.precision, "", least(0.80)),
        Line("all rows that curators acted on", on, "recall", acted.recall, "", least(0.33)),
    ]


def _arithmetic(data: Path) -> list[Line]:
    """Every answer of Alpaca with an equation of plain numbers, each read and worked out by hand."""
    rows = pl.read_csv(Path(__file__).parent / "arithmetic.tsv", separator="\t")
    flags = fails(alpaca(data)[rows["row"].to_list()], "grounding.wrong_arithmetic")
    scores = found(flags, rows["verdict"] == "wrong")
    on = f"Alpaca, {rows.height} answers with an equation, read by hand"
    note = "equations of plain numbers only"
    return [
        Line("wrong arithmetic", on, "precision", scores.precision, "", least(0.9), note),
        Line("wrong arithmetic", on, "recall", scores.recall, "", None, note),
    ]


# Notes that say a row is unfit for a text model, beside what is dropped or reviewed.
_ADVISING = frozenset(
    {
        "formatting.placeholder_input",
        "formatting.asks_for_media",
        "formatting.url_in_prompt",
        "formatting.absent_media",
        "grounding.absent_text",
        "grounding.needs_live_data",
    }
)


def _advises(column: str) -> bool:
    from checks.registry import CHECKS, Severity

    reason = column.removeprefix("chk_")
    return reason in _ADVISING or CHECKS[reason].severity in (Severity.DROP, Severity.REVIEW)
