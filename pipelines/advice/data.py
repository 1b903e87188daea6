"""What the data alone says: what it is good for, whether there is enough, whether it pulls one adapter apart"""

import polars as pl

from pipelines.advice.amount import amount
from pipelines.advice.apart import apart
from pipelines.advice.needs import needed_columns, with_needs
from pipelines.advice.purpose import purpose
from schemas.advice import DataAdvice
from schemas.report import Report

# What answers need is read from so many: their shares are then known to one in a hundred, which is far closer than the
# rules are right, and a run is not held up by its advice.
JUDGED = 10_000


def data_advice(released: pl.DataFrame, report: Report) -> DataAdvice:
    """Of the released records, with what checks found. Records are drawn by record_id, a digest of what they say."""
    records = released.select(needed_columns(released.columns))
    drawn = with_needs(records.with_row_index("row").bottom_k(JUDGED, by="record_id").sort("row"))
    needs = records.with_row_index("row").join(drawn.select("row", "need"), on="row", how="left", maintain_order="left")
    return DataAdvice(
        purpose=purpose(drawn, of=records.height), amount=amount(records, report), apart=apart(needs, report)
    )
