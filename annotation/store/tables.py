"""The database's tables. annotation/store/migrations makes them; nothing else does.

Money is in integer minor units of the row's currency; times are UTC.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Float, Integer, MetaData, String, Table, Text
from sqlalchemy.schema import Index, UniqueConstraint

METADATA = MetaData()

# SQLite numbers only an INTEGER primary key by itself.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("project", String(40), primary_key=True),
    Column("currency", String(3), nullable=False),
)
"""One row a project: who books holds its lock, and its currency is the project's for good."""

ENTRIES = Table(
    "entries",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),  # what was done, so that it is done once
    Column("kind", String(8), nullable=False),  # reserve, book, release, adjust
    Column("amount", BigInteger, nullable=False),  # not negative, but for adjust
    Column("currency", String(3), nullable=False),
    Column("project", String(40), nullable=False, index=True),
    Column("tier", String(100), nullable=False),
    Column("month", String(7), nullable=False),  # YYYY-MM that it counts for
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("record_id", String(64)),
    Column("task_id", String(64), index=True),
    Column("annotator", String(200)),
    Column("response_id", String(64)),
    Column("run_id", String(64)),
    Column("reasons", JSON),  # why the record was asked about: "family.check"
    Column("note", Text),
)
"""The cost ledger: only ever appended to (triggers refuse the rest)."""

TASKS = Table(
    "tasks",
    METADATA,
    Column("task_id", String(64), primary_key=True),
    Column("project", String(40), nullable=False, index=True),
    Column("kind", String(12), nullable=False),  # a TaskKind
    Column("subject", String(140), nullable=False, index=True),
    Column("record_id", String(64), nullable=False),
    Column("twin_id", String(64)),
    Column("tier", String(100), nullable=False),
    Column("dataset", String(200), nullable=False),  # its name in the tier's workspace
    Column("min_submitted", Integer, nullable=False),
    Column("adjudicates", Boolean, nullable=False, default=False),  # asked again because people disagreed
    Column("gold", String(12)),  # the known verdict; null for real work
    Column("domain", String(100)),
    Column("reasons", JSON, nullable=False),
    Column("run_id", String(64)),
    Column("state", String(12), nullable=False),  # reserved, pushed, decided, escalated, withdrawn
    Column("created_at", DateTime(timezone=True), nullable=False),
)
"""Everything that people were asked."""

RESPONSES = Table(
    "responses",
    METADATA,
    Column("response_id", String(64), primary_key=True),
    Column("task_id", String(64), nullable=False, index=True),
    Column("project", String(40), nullable=False, index=True),
    Column("tier", String(100), nullable=False),
    Column("annotator", String(200), nullable=False),
    Column("status", String(10), nullable=False),  # submitted, draft, discarded
    Column("answers", JSON, nullable=False),  # question -> value, as Argilla gives them
    Column("inserted_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("task_id", "annotator"),
)
"""What each person said last of each task, drafts and discards included."""

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("project", String(40), nullable=False),
    Column("subject", String(140), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("verdict", String(12), nullable=False),
    Column("completion", Text),
    Column("reasons", JSON, nullable=False),
    Column("comment", Text),
    Column("domain", String(100)),
    Column("ratings", JSON, nullable=False),  # demand -> mean rating; empty when nobody rated
    Column("annotators", Integer, nullable=False),
    Column("method", String(20), nullable=False),
    Column("agreement", Float),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", String(200)),  # who, of a decision by hand; null where answers decided
    Index("decisions_by_subject", "project", "subject", "id"),
)
"""What was decided; of a subject's several lines the last one is in force."""
