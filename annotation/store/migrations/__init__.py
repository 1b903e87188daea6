"""The database's history: every change of its tables, in order, run by Alembic when the store is opened."""
