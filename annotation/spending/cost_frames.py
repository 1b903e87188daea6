"""The store's money, tasks and answers of one project as frames, for whoever adds them up."""

from typing import Any, NamedTuple

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from annotation.store.database import as_utc
from annotation.store.tables import DECISIONS, ENTRIES, RESPONSES, TASKS
from schemas.decision import TaskKind, Verdict

# States in which people are still to answer.
_OPEN = ("reserved", "pushed")
# States in which people have answered.
_FINISHED = ("decided", "escalated")


class Frames(NamedTuple):
    """Columns as named; those of money add up to the ledger's sums."""

    # tier, record_id, task_id, annotator, reasons, responses (1 for a booking), spent, corrected (of it, by hand),
    # reserved, overdrawn, and of the task: gold, adjudicates. One line an entry.
    entries: pl.DataFrame
    tasks: pl.DataFrame  # task_id, subject, min_submitted, adjudicates, gold, open, finished, disputed
    submissions: pl.DataFrame  # annotator, at
    accepted: pl.DataFrame  # subject: decided to be released, gold records left out


def frames(connection: Connection, project: str) -> Frames:
    """Everything of one project that costs are made of."""
    tasks = _tasks(connection, project)
    return Frames(
        _entries(connection, project, tasks), tasks, _submissions(connection, project), _accepted(connection, project)
    )


def _entries(connection: Connection, project: str, tasks: pl.DataFrame) -> pl.DataFrame:
    columns = ("key", "kind", "amount", "tier", "record_id", "task_id", "annotator", "reasons")
    query = sa.select(*(ENTRIES.c[name] for name in columns)).where(ENTRIES.c.project == project).order_by(ENTRIES.c.id)
    schema = pl.Schema({**dict.fromkeys(columns, pl.String()), "amount": pl.Int64(), "reasons": pl.List(pl.String())})
    found = _frame(connection, query, schema)

    def amounts(*kinds: str) -> pl.Expr:
        return pl.when(pl.col("kind").is_in(kinds)).then("amount").otherwise(0)

    converted = pl.when(pl.col("key").str.starts_with("convert:")).then("amount").otherwise(0)
    return (
        found.with_columns(
            responses=(pl.col("kind") == "book").cast(pl.Int64),
            spent=amounts("book", "adjust"),
            corrected=amounts("adjust"),
            reserved=amounts("reserve") - amounts("release"),
            overdrawn=amounts("book") - converted,
        )
        .join(tasks.select("task_id", "gold", "adjudicates"), on="task_id", how="left", maintain_order="left")
        .with_columns(pl.col("gold", "adjudicates").fill_null(False))
        .drop("key", "kind", "amount")
    )


def _tasks(connection: Connection, project: str) -> pl.DataFrame:
    columns = ("task_id", "kind", "subject", "state", "min_submitted", "adjudicates", "gold")
    query = sa.select(*(TASKS.c[name] for name in columns)).where(TASKS.c.project == project).order_by(TASKS.c.task_id)
    types = {"min_submitted": pl.Int64(), "adjudicates": pl.Boolean()}
    found = _frame(connection, query, pl.Schema({**dict.fromkeys(columns, pl.String()), **types}))
    asked_again = found.filter("adjudicates").select("kind", "subject").unique().with_columns(again=True)
    return found.join(asked_again, on=["kind", "subject"], how="left", maintain_order="left").select(
        "task_id",
        "subject",
        "min_submitted",
        "adjudicates",
        pl.col("gold").is_not_null(),
        open=pl.col("state").is_in(_OPEN),
        finished=pl.col("state").is_in(_FINISHED),
        disputed=pl.col("again").fill_null(False) | (pl.col("state") == "escalated"),
    )


def _submissions(connection: Connection, project: str) -> pl.DataFrame:
    """When each person's answers were submitted, or last changed since. Drafts and discards are left out."""
    query = sa.select(RESPONSES.c.annotator, RESPONSES.c.updated_at)
    query = query.where(RESPONSES.c.project == project, RESPONSES.c.status == "submitted")
    rows = [(annotator, as_utc(moment)) for annotator, moment in connection.execute(query)]
    return pl.DataFrame(rows, orient="row", schema={"annotator": pl.String(), "at": pl.Datetime("us", "UTC")})


def _accepted(connection: Connection, project: str) -> pl.DataFrame:
    """Of a subject's several decisions the last is in force."""
    last = sa.select(sa.func.max(DECISIONS.c.id)).where(DECISIONS.c.project == project)
    golden = sa.select(TASKS.c.subject).where(TASKS.c.project == project, TASKS.c.gold.is_not(None))
    query = sa.select(DECISIONS.c.subject).where(
        DECISIONS.c.id.in_(last.group_by(DECISIONS.c.kind, DECISIONS.c.subject)),
        DECISIONS.c.kind != TaskKind.PAIR.value,
        DECISIONS.c.verdict.in_([Verdict.ACCEPT.value, Verdict.FIX.value]),
        DECISIONS.c.subject.not_in(golden),
    )
    return _frame(connection, query.order_by(DECISIONS.c.subject), pl.Schema({"subject": pl.String()})).unique(
        maintain_order=True
    )


def _frame(connection: Connection, query: sa.Select[Any], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame([tuple(row) for row in connection.execute(query)], orient="row", schema=schema)
