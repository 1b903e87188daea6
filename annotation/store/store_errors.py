"""What a database's error means to the person who reads it: one line, without passwords."""

from sqlalchemy.engine import URL

# What the drivers say, in lower case, and what it means; the first that is found decides.
_MEANINGS = (
    ("file is not a database", "is not an SQLite database; name another file, or move this one away"),
    ("unable to open database file", "cannot be opened; check that it is a file in a folder that you may write to"),
    ("readonly database", "can only be read; make file and folder writable, or name another database"),
    ("read-only transaction", "can only be read; use a server and a role that may write"),
    ("database is locked", "was held by another process for too long; wait for it to end, then try again"),
    ("malformed", "is damaged; restore it from a backup"),
    ("disk is full", "has no room left on its disk; make some, then try again"),
    ("no space left", "has no room left on its disk; make some, then try again"),
    ("password authentication failed", "refuses this user and password; correct ASSAY_DATABASE_URL"),
    ("no password supplied", "asks for a password; write it into ASSAY_DATABASE_URL"),
    ("no pg_hba.conf entry", "lets nobody in from here as this user; change its pg_hba.conf or the user"),
    ("too many clients", "has no connection left; wait, or raise its max_connections"),
    ("permission denied", "does not let this user make or change tables; grant that, or name another user"),
)
_MISSING = "does not exist"
_UNREACHABLE = (
    "connection refused",
    "connection failed",
    "could not connect",
    "could not translate",
    "failed to resolve",
    "timeout expired",
    "connection timeout",
    "closed the connection",
    "terminating connection",
    "connection is lost",
    "is the server running",
    "connection already closed",
)


def place(where: URL) -> str:
    """Which database it is, without user, password and options."""
    if where.get_backend_name() == "sqlite":
        return where.database or "SQLite in memory"
    port = f":{where.port}" if where.port else ""
    return f"postgresql://{where.host or where.query.get('host') or 'localhost'}{port}/{where.database or ''}"


def explained(where: URL, said: str) -> str:
    """The driver's text as one line: which database, what is wrong, what to do."""
    text = said.lower()
    for sign, meaning in _MEANINGS:
        if sign in text:
            return f"{place(where)}: {meaning}"
    first = _without_password(where, said)
    if _MISSING in text and "fatal" in text:
        what = first.rpartition("FATAL:")[2].strip()
        return f"{place(where)}: the server answers, but {what}; create it, or correct ASSAY_DATABASE_URL"
    if any(sign in text for sign in _UNREACHABLE):
        return f"{place(where)}: cannot be reached; check host and port in ASSAY_DATABASE_URL, and that the server runs"
    return f"{place(where)}: the database refuses ({first}); check it and ASSAY_DATABASE_URL"


def _without_password(where: URL, said: str) -> str:
    line = " ".join(said.split())[:300]
    secrets = {where.password, *_texts(where.query.get("password"))}
    for secret in filter(None, secrets):
        line = line.replace(secret, "***")
    return line


def _texts(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value or ()
