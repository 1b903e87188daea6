"""What Alembic runs to change the database: on the connection that database.py hands over, inside its transaction."""

from alembic import context

from annotation.store.database import VERSION_TABLE
from annotation.store.tables import METADATA


def migrate() -> None:
    """Runs what is missing. The caller began the transaction, holds the lock, and commits."""
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
    )
    with context.begin_transaction():
        context.run_migrations()


# The name under which Alembic loads this file; whoever else imports it only wants to look.
if __name__ == "env_py":
    migrate()
