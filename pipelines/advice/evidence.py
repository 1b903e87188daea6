"""Rows that are shown for a figure: drawn evenly by their ids, so that nobody chose them"""

import polars as pl

from pipelines._shown import one_line
from schemas.advice import EvidenceRow

CHARACTERS = 160


def rows_that_show(records: pl.DataFrame, most: int, shows: str) -> list[EvidenceRow]:
    """The first by record_id, which is a digest of the content and so a fair draw."""
    chosen = records.select("record_id", "source", "source_row", "prompt", "completion").bottom_k(most, by="record_id")
    return [
        EvidenceRow(
            record_id=row["record_id"], source=row["source"], source_row=row["source_row"],
            prompt=one_line(row["prompt"] or "", CHARACTERS), answer=one_line(row["completion"] or "", CHARACTERS),
            shows=shows,
        )
        for row in chosen.sort("record_id").iter_rows(named=True)
    ]  # fmt: skip
