"""Stage: what people decided is carried out before anything else is judged.

A corrected record is the record from here on, so that checks, duplicates and splits see what will be
released. What was accepted is only marked: the route stage lets it pass. So is what was restored: every stage that
would take it out lets it pass, and what it was about to say stands among the notes.
"""

from typing import Any

import polars as pl

from pipelines._records import amended, message
from schemas.decision import ANNOTATOR, TaskKind, Verdict
from schemas.outcome import VERDICT_SCHEMA, Fate, Outcome
from schemas.record import Kind, typed

MARKS = pl.Schema(
    {
        "decision": pl.String(),  # accept, fix or restore; null where nobody decided, or where it could not be done
        "decision_detail": pl.String(),  # by whom, and what they remarked; or why it could not be carried out
        "original_record_id": pl.String(),  # before the correction; null unless fixed
        "original_completion": pl.String(),
    }
)
"""What this stage adds."""


def decide(records: pl.DataFrame, decisions: pl.DataFrame) -> Outcome:
    """Apply `decisions` (DECISION_SCHEMA, of records and preferences) to the rows of their subjects.

    Adds MARKS. A fix replaces the last answer (of a preference: swaps the two) and gives the record a new
    `record_id`; rows keep their order. Rejected rows leave with the annotators' reasons. A repaired record is meant
    by what was decided of it, and else by what was decided of its original.
    """
    told = _decided(records, decisions)
    rejected = told.filter(pl.col("verdict") == Verdict.REJECT)
    # What is restored with a correction is corrected first.
    restored_fixed = (pl.col("verdict") == Verdict.RESTORE) & pl.col("corrected").is_not_null()
    is_fix = ((pl.col("verdict") == Verdict.FIX) | restored_fixed).fill_null(False)
    fixed = _fixed(told.filter(is_fix))
    others = told.filter(~is_fix, ~(pl.col("verdict") == Verdict.REJECT).fill_null(False))
    stays = pl.col("verdict").is_in([Verdict.ACCEPT.value, Verdict.RESTORE.value])
    marked = others.with_columns(decision=pl.when(stays).then("verdict"))
    kept = pl.concat([_tidy(marked, records), _tidy(fixed, records)]).sort("row_id")
    dropped = _rejected(rejected, records)
    figures = {
        "accepted": int((kept["decision"] == Verdict.ACCEPT).sum()),
        "fixed": int((kept["decision"] == Verdict.FIX).sum()),
        "rejected": dropped.height,
        "restored": int((kept["decision"] == Verdict.RESTORE).sum()),
        "unapplied": int((fixed["decision"].is_null()).sum()),
    }
    return Outcome(kept, dropped, figures)


def undecided(records: pl.LazyFrame) -> pl.LazyFrame:
    """`records` with MARKS, all null: what `decide` makes of them where nobody decided anything."""
    known = records.collect_schema().names()
    return records.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in MARKS.items() if name not in known)


def _decided(records: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    said = decisions.filter(pl.col("kind") != TaskKind.PAIR).select(
        "subject",
        "verdict",
        "comment",
        "annotators",
        "method",
        "decided_by",
        corrected="completion",
        said_reasons="reasons",
    )
    # What a repaired record was called before stands beside it already.
    originals = [name for name in ("original_record_id", "original_completion") if name not in records.columns]
    records = records.with_columns(pl.lit(None, pl.String).alias(name) for name in originals)
    now = pl.col("record_id").is_in(said["subject"].implode())
    subject = pl.when(now).then("record_id").otherwise(pl.coalesce("original_record_id", "record_id"))
    told = records.with_columns(subject=subject).join(said, on="subject", how="left", maintain_order="left")
    people = pl.when(pl.col("annotators") == 1).then(pl.lit("1 person")).otherwise(pl.format("{} people", "annotators"))
    remark = pl.when(pl.col("comment").fill_null("") != "").then(pl.format(": {}", "comment")).otherwise(pl.lit(""))
    who = pl.coalesce("decided_by", people)
    detail = pl.format("{} by {}{}", pl.col("verdict").replace(_PAST), who, remark)
    return told.with_columns(
        decision=pl.when(pl.col("verdict") == Verdict.RESTORE).then("verdict"),
        decision_detail=pl.when(pl.col("verdict").is_not_null()).then(detail),
    )


_PAST = {
    Verdict.ACCEPT.value: "accepted",
    Verdict.FIX.value: "fixed",
    Verdict.REJECT.value: "rejected",
    Verdict.RESTORE.value: "restored",
}


def _tidy(told: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    return typed(told.select(_columns(records)), MARKS)


def _columns(records: pl.DataFrame) -> list[str]:
    return list(dict.fromkeys([*records.columns, *MARKS.names()]))


def _rejected(told: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    given = pl.col("said_reasons").list.eval(pl.concat_str(pl.lit(f"{ANNOTATOR}."), pl.element()))
    # Whoever gave no reason has still rejected it.
    reasons = pl.when(given.list.len() > 0).then(given).otherwise(pl.lit([f"{ANNOTATOR}.rejected"]))
    verdict = {"outcome": pl.lit(Fate.REJECTED.value), "reasons": reasons, "detail": pl.col("decision_detail")}
    columns = [verdict.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in VERDICT_SCHEMA.items()]
    return typed(told.with_columns(columns).select(*_columns(records), *VERDICT_SCHEMA.names()), MARKS)


def _fixed(told: pl.DataFrame) -> pl.DataFrame:
    """`told` with the corrections made. One row at a time: people correct hundreds, not millions."""
    rows = [_corrected(row) for row in told.iter_rows(named=True)]
    return pl.from_dicts(rows, schema=told.schema) if rows else told


def _corrected(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its correction; where that cannot be done, the row as it was and why."""
    turns, corrected = row["messages"] or [], row["corrected"]
    last = turns[-1] if turns else None
    if row["kind"] == Kind.PREFERENCE:
        after = amended(row, chosen=row["rejected"], rejected=row["chosen"])
    elif not corrected:
        return {**row, "decision_detail": "people asked for a fix and gave no corrected response"}
    elif last is None or last["role"] == "system":
        return {**row, "decision_detail": "nothing is asked in it, so a corrected response has no place"}
    elif last["role"] == "assistant" and last["tool_calls"]:
        return {**row, "decision_detail": "its answer calls tools, and a corrected text cannot stand for a call"}
    elif last["role"] == "assistant":
        after = amended(row, messages=[*turns[:-1], {**last, "content": corrected}])
    else:
        after = amended(row, messages=[*turns, message("assistant", corrected)])
    before = {"original_record_id": row["subject"], "original_completion": row["completion"]}
    return {**after, **before, "decision": row["decision"] or Verdict.FIX.value}
