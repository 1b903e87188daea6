"""Where Assay keeps what outlives a run: decisions, costs, and the embedded server's data."""

import os
from pathlib import Path


def home() -> Path:
    """The store's folder: ASSAY_HOME, else `.assay` in the working folder. Not made here."""
    return Path(os.environ.get("ASSAY_HOME") or ".assay")


def database_url() -> str:
    """SQLAlchemy's URL of the database: ASSAY_DATABASE_URL, else SQLite in the store."""
    return os.environ.get("ASSAY_DATABASE_URL") or f"sqlite:///{(home() / 'assay.db').resolve()}"
