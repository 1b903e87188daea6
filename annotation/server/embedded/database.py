"""Argilla's database: made, migrated, in WAL mode, with the accounts that are wanted.

An account that exists is never touched, but for workspaces that it has gained. Credentials are on disk before
the account is made, and called made only after: killed in between, the next start finishes.
"""

import logging
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from .private import read_json, write_private_json

# 96 and 384 bits; argilla takes passwords of 8 to 100 characters.
PASSWORD_BYTES, API_KEY_BYTES = 12, 48

_LOG = logging.getLogger("assay.accounts")

Account = dict[str, Any]  # username, role, workspaces, password, api_key


class Wanted(NamedTuple):
    username: str
    role: str
    workspaces: list[str]


def prepare(path: Path) -> None:
    """A database at `path` in the newest schema. Must run after the environment is set."""
    _remove_unfinished(path)
    from argilla_server.cli.database.migrate import migrate_db

    # Alembic would replace the process's logging by its own.
    with patch("logging.config.fileConfig"):
        migrate_db("head")
    with closing(sqlite3.connect(path)) as connection:
        # Readers and the writer no longer wait for each other: half the latency at eight annotators.
        connection.execute("PRAGMA journal_mode=WAL")


def _remove_unfinished(path: Path) -> None:
    # A migration that was killed cannot go on; one that has no user holds nobody's work.
    if path.exists() and not _has_users(path):
        for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            file.unlink(missing_ok=True)


def _has_users(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        try:
            return connection.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return False
            raise


def ensure_accounts(wanted: list[Wanted], workspaces: list[str], folder: Path) -> None:
    """Make what is missing, and write {folder}/credentials.json (mode 600)."""
    from argilla_server.database import SyncSessionLocal

    kept, pending = folder / "credentials.json", folder / "credentials.pending.json"
    ours = {one["username"]: one for one in [*_accounts(kept), *_accounts(pending)]}
    with closing(SyncSessionLocal()) as session:
        existing = _keys(session)
        missing = [ours.get(one.username) or _credentials(one) for one in wanted if one.username not in existing]
        ours.update({one["username"]: one for one in missing})
        write_private_json(pending, list(ours.values()))
        _write(session, missing, wanted, workspaces)
        session.commit()
        existing = _keys(session)
    SyncSessionLocal.remove()
    # One whose key is another's was made by somebody else, under a name that we once wanted.
    made = [one for name, one in ours.items() if existing.get(name) == one["api_key"]]
    gained = {one.username: one.workspaces for one in wanted}
    for one in made:
        one["workspaces"] = sorted({*one["workspaces"], *gained.get(one["username"], ())})
    write_private_json(kept, made)
    pending.unlink()


def owner_key(username: str) -> str:
    """The owner's API key as the database has it."""
    from argilla_server.database import SyncSessionLocal
    from argilla_server.models import User

    with closing(SyncSessionLocal()) as session:
        key = session.query(User).filter_by(username=username).one().api_key
    SyncSessionLocal.remove()
    return str(key)


def _accounts(path: Path) -> list[Account]:
    said = read_json(path)
    if said is None and path.exists():
        raise SystemExit(f"{path} is not JSON; restore it, or remove it and lose the passwords in it")
    return list(said or [])


def _keys(session: Any) -> dict[str, str]:
    from argilla_server.models import User

    return {user.username: user.api_key for user in session.query(User)}


def _credentials(wanted: Wanted) -> Account:
    return {
        **wanted._asdict(),
        "password": secrets.token_urlsafe(PASSWORD_BYTES),
        "api_key": secrets.token_urlsafe(API_KEY_BYTES),
    }


def _write(session: Any, missing: list[Account], wanted: list[Wanted], workspaces: list[str]) -> None:
    from argilla_server.models import Workspace

    there = {room.name for room in session.query(Workspace)}
    session.add_all([Workspace(name=name) for name in workspaces if name not in there])
    session.add_all([_user(account) for account in missing])
    session.flush()
    _join(session, wanted)


def _user(account: Account) -> Any:
    from argilla_server.contexts.accounts import hash_password
    from argilla_server.models import User

    _LOG.info("account made: %s", account["username"])
    return User(
        username=account["username"],
        first_name=account["username"],
        role=account["role"],
        api_key=account["api_key"],
        password_hash=hash_password(account["password"]),
    )


def _join(session: Any, wanted: list[Wanted]) -> None:
    from argilla_server.models import User, Workspace, WorkspaceUser

    rooms = {room.name: room.id for room in session.query(Workspace)}
    people = {user.username: user.id for user in session.query(User)}
    members = {(one.workspace_id, one.user_id) for one in session.query(WorkspaceUser)}
    pairs = {(rooms[name], people[one.username]) for one in wanted for name in one.workspaces}
    session.add_all([WorkspaceUser(workspace_id=room, user_id=who) for room, who in pairs - members])
