"""The first tables, and a cost ledger that can only grow."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)

_RULE = "entries are only ever appended to: book an adjustment"

_SQLITE_TRIGGERS = [
    f"CREATE TRIGGER entries_no_{verb} BEFORE {verb} ON entries BEGIN SELECT RAISE(ABORT, '{_RULE}'); END"
    for verb in ("update", "delete")
]

# Class 23 is what SQLite's ABORT becomes too: an integrity error on both.
_POSTGRESQL_TRIGGERS = [
    "CREATE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_RULE}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
    "CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries "
    "FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse()",
]


def upgrade() -> None:
    _accounts_and_entries()
    _tasks()
    _responses()
    _decisions()
    triggers = _SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL_TRIGGERS
    for statement in triggers:
        op.execute(statement)


def _accounts_and_entries() -> None:
    op.create_table(
        "accounts",
        sa.Column("project", sa.String(40), primary_key=True),
        sa.Column("currency", sa.String(3), nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(200), nullable=False, unique=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("project", sa.String(40), nullable=False, index=True),
        sa.Column("tier", sa.String(100), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("record_id", sa.String(64)),
        sa.Column("task_id", sa.String(64), index=True),
        sa.Column("annotator", sa.String(200)),
        sa.Column("response_id", sa.String(64)),
        sa.Column("run_id", sa.String(64)),
        sa.Column("reasons", sa.JSON()),
        sa.Column("note", sa.Text()),
    )


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(40), nullable=False, index=True),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("subject", sa.String(140), nullable=False, index=True),
        sa.Column("record_id", sa.String(64), nullable=False),
        sa.Column("twin_id", sa.String(64)),
        sa.Column("tier", sa.String(100), nullable=False),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("min_submitted", sa.Integer(), nullable=False),
        sa.Column("adjudicates", sa.Boolean(), nullable=False),
        sa.Column("gold", sa.String(12)),
        sa.Column("domain", sa.String(100)),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
    )


def _responses() -> None:
    op.create_table(
        "responses",
        sa.Column("response_id", sa.String(64), primary_key=True),
        sa.Column("task_id", sa.String(64), nullable=False, index=True),
        sa.Column("project", sa.String(40), nullable=False, index=True),
        sa.Column("tier", sa.String(100), nullable=False),
        sa.Column("annotator", sa.String(200), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("inserted_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.UniqueConstraint("task_id", "annotator"),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("project", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(140), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("completion", sa.Text()),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text()),
        sa.Column("domain", sa.String(100)),
        sa.Column("ratings", sa.JSON(), nullable=False),
        sa.Column("annotators", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("agreement", sa.Float()),
        sa.Column("decided_at", _TIME, nullable=False),
    )
    op.create_index("decisions_by_subject", "decisions", ["project", "subject", "id"])
