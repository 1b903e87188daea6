"""Where Assay keeps what outlives a run: decisions, costs, and the embedded server's data."""

import os
from pathlib import Path

from schemas.errors import StoreError


def home() -> Path:
    """The store's folder: ASSAY_HOME, else `.assay` in the working folder. Not made here."""
    return Path(os.environ.get("ASSAY_HOME") or ".assay")


def make_home() -> Path:
    """The store's folder, made where it is missing: for its owner only, and out of git's sight, since it holds secrets.

    Raises StoreError where it cannot be made.
    """
    folder = home()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignored = folder / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made ({error.strerror}); set ASSAY_HOME to another folder") from error
    return folder


def database_url() -> str:
    """SQLAlchemy's URL of the database: ASSAY_DATABASE_URL, else SQLite in the store."""
    return os.environ.get("ASSAY_DATABASE_URL") or f"sqlite:///{database_file().resolve()}"


def database_file() -> Path:
    """Where the database is as long as it lies in the store."""
    return home() / "assay.db"


def in_home() -> bool:
    """Whether the database lies in the store."""
    return not os.environ.get("ASSAY_DATABASE_URL")
