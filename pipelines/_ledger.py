"""The ledger: one line for every input row, and the proof that none is missing."""

import polars as pl

from pipelines._restored import OVERRULED
from schemas.decision import ANNOTATOR
from schemas.errors import ReconciliationError
from schemas.outcome import LEDGER_SCHEMA, VERDICT_SCHEMA, Fate
from schemas.record import ROW_KEY, typed
from schemas.report import SourceFigures


def all_records(released: pl.DataFrame, dropped: list[pl.DataFrame]) -> pl.DataFrame:
    """Every readable row with every column any stage gave it, in reading order.

    `released` carries `split`, which becomes its outcome; each frame in `dropped` carries a verdict.
    What people released although a check doubted it, or a stage would have taken it out, keeps that among its notes.
    """
    nothing = pl.lit([], dtype=pl.List(pl.String))
    lists = [name for name in ("drop_reasons", OVERRULED) if name in released.columns]
    doubts = (pl.col(name).fill_null(nothing) for name in ("notes", *lists, "review_reasons"))
    overruled = pl.concat_list(*doubts, pl.format(ANNOTATOR + ".{}", "decision"))
    kept = released.with_columns(
        outcome=pl.col("split"),
        reasons=nothing,
        notes=pl.when(pl.col("decision").is_null()).then("notes").otherwise(overruled),
        twin=None,
        similarity=None,
        detail=pl.col("decision_detail"),
    )
    frames = [typed(frame, VERDICT_SCHEMA) for frame in (kept, *dropped)]
    # What left before the checks has no findings.
    every = pl.concat(frames, how="diagonal").with_columns(pl.col("notes").fill_null(nothing)).sort("row_id")
    return _with_repairs(every) if "repaired" in every.columns else every


def _with_repairs(records: pl.DataFrame) -> pl.DataFrame:
    """What was repaired stands among the notes, and is told behind whatever else there is to tell."""
    both = pl.concat_str("detail", "repair_detail", separator="; ", ignore_nulls=True)
    return records.with_columns(
        notes=pl.concat_list("notes", "repaired"),
        detail=pl.when(pl.col("repair_detail").is_null()).then("detail").otherwise(both),
    )


def ledger_of(records: pl.DataFrame, unreadable: pl.DataFrame) -> pl.DataFrame:
    """LEDGER_SCHEMA for `records` (all of them) and `unreadable` rows, sorted by source, row and part."""
    lost = unreadable.select(
        *ROW_KEY,
        record_id=None,
        outcome=pl.lit(Fate.UNREADABLE.value),
        reasons=pl.concat_list("reason"),
        notes=pl.lit([], dtype=pl.List(pl.String)),
        twin=None,
        similarity=None,
        detail="detail",
    )
    read = records.select(LEDGER_SCHEMA.names())
    both = pl.concat([typed(read, LEDGER_SCHEMA), typed(lost, LEDGER_SCHEMA)])
    return both.select(LEDGER_SCHEMA.names()).sort(ROW_KEY)


def reconcile(ledger: pl.DataFrame, sources: list[SourceFigures]) -> None:
    """Raise ReconciliationError unless every row that was read has exactly one line in `ledger`.

    The readers' own counts are the other side of the sum: rows of each source against the distinct
    rows of the ledger, and records made plus rows lost against its lines.
    """
    if ledger["outcome"].null_count() or not set(ledger["outcome"]) <= {fate.value for fate in Fate}:
        raise ReconciliationError("a row of the ledger has no outcome, or an unknown one; please report this")
    if ledger.select(ROW_KEY).is_duplicated().any():
        raise ReconciliationError("a row stands in the ledger twice; please report this")
    lines = dict(ledger.group_by("source").len().iter_rows())
    rows = dict(ledger.group_by("source").agg(pl.col("source_row").n_unique()).iter_rows())
    for file in sources:
        said = (file.rows, file.records + file.unreadable)
        found = (rows.get(file.source, 0), lines.get(file.source, 0))
        if said != found:
            raise ReconciliationError(
                f"{file.source}: {said[0]} rows and {said[1]} records were read, "
                f"{found[0]} and {found[1]} are in the ledger; please report this"
            )
