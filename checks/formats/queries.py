"""SQL in an answer, read by sqlglot in the dialect that it seems to be written in."""

import logging
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from checks.formats.snippets import all_read, code_only, fenced

_DIALECTS = {
    "": ("sql", "ansi-sql"),
    "mysql": ("mysql", "mariadb"),
    "postgres": ("postgresql", "postgres", "pgsql", "psql"),
    "sqlite": ("sqlite", "sqlite3"),
    "tsql": ("tsql", "t-sql", "mssql"),
    "oracle": ("plsql", "oracle"),
    "bigquery": ("bigquery",),
    "snowflake": ("snowflake",),
    "hive": ("hive", "hiveql"),
    "spark": ("spark-sql", "sparksql"),
    "duckdb": ("duckdb",),
}
TAGS = {tag: dialect for dialect, tags in _DIALECTS.items() for tag in tags}
"""What a fence may say, and sqlglot's name of the dialect; "" is its own, which takes what most have in common."""

# How a statement begins. In capitals it is SQL wherever it stands; in small letters it may be a sentence.
VERBS = (
    r"(?:SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s*\(|MERGE\s+INTO\s"
    r"|(?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+|UNIQUE\s+|MATERIALIZED\s+)?"
    r"(?:TABLE|VIEW|INDEX|DATABASE|SCHEMA|PROCEDURE|FUNCTION|TRIGGER|USER)\b|TRUNCATE\s+TABLE\s)"
)
ASKED = r"(?i)\b(?:sql|mysql|postgres\w*|sqlite|query|queries|database)\b"
# "Write an SQL query that ...": the answer is a statement.
DEMANDED = (
    r"(?i)\b(?:write|create|construct|generate|formulate|compose|build|make)\s+(?:an?|the|some)\s+(?:\w+\s+){0,2}?SQL\s+"
    r"(?:query|statement|command)"
)
_VERB, _ANY_VERB = re.compile(r"\s*" + VERBS), re.compile(r"\s*" + VERBS, re.I)
_ASKED, _DEMANDED = re.compile(ASKED), re.compile(DEMANDED)
_ANYWHERE = re.compile(rf"{VERBS}|\b(?:GRANT|REVOKE|SHOW|USE|EXEC|CALL|DESCRIBE|EXPLAIN|BACKUP|BEGIN|DECLARE)\b", re.I)
# How people name a dialect, and what only one dialect writes so; a group is sqlglot's name of it.
_NAMED = re.compile(
    r"\b(?:(?P<mysql>mysql|mariadb)|(?P<postgres>postgres)|(?P<tsql>t-?sql|sql server|mssql|transact)"
    r"|(?P<oracle>oracle|pl/?sql)|(?P<sqlite>sqlite)|(?P<bigquery>big ?query)|(?P<snowflake>snowflake))",
    re.I,
)
_SIGNS = re.compile(
    r"(?P<mysql>`|\bAUTO_INCREMENT\b|\bENGINE\s*=|\bLIMIT\s+\d+\s*,|\bSHOW\s+\w+)"
    r"|(?P<tsql>\bTOP\s*\(?\d|\bIDENTITY\s*\(|\bNVARCHAR\b|\bGETDATE\b|\[[\w ]+\]|^\s*GO\s*$|\bN')"
    r"|(?P<postgres>::|\bILIKE\b|\bSERIAL\b|\bRETURNING\b|\$\d|\bDISTINCT\s+ON\b)"
    r"|(?P<oracle>\bVARCHAR2\b|\bNUMBER\s*\(|\bSYSDATE\b|\bROWNUM\b|\(\+\)|\bNVL\b)"
    r"|(?P<bigquery>\bSTRUCT\b|\bUNNEST\b|\bSAFE_|\bEXCEPT\s*\()"
    r"|(?P<snowflake>\bQUALIFY\b|\bVARIANT\b|\bFLATTEN\b)",
    re.I | re.M,
)
_TRIED = ("", "mysql", "postgres", "tsql", "sqlite", "oracle", "bigquery")
"""Tried in this order, behind the dialects that are named or show."""

# "<table name>", "{value}", "%s", "[your value]": to be filled in.
_BLANK = re.compile(r"<[A-Za-z][\w ]*>|\{\{?\s*\w+\s*\}?\}|%\(?\w*\)?s\b|\[(?:your|the|insert)[\w ]+\]")
# Bodies of procedures and scripts of a client: sqlglot reads few of them.
_PROCEDURAL = re.compile(
    r"(?i)\b(?:PROCEDURE|FUNCTION|TRIGGER|DELIMITER|DECLARE|BEGIN|CURSOR|EXEC(?:UTE)?|PRINT|WHILE|THEN\s+\w+\s*:=)\b"
    r"|^\s*\\\w|^\s*GO\s*$"
)
_TEXTS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.S)
# What sqlglot passes over: a comma behind which nothing comes, an ON or SET without anything.
_LEFT_OPEN = re.compile(
    r",\s*(?:,|\)|;|$|(?:FROM|WHERE|GROUP\s+BY|ORDER\s+BY|HAVING|LIMIT)\b)"
    r"|\b(?:ON|SET)\s*(?:;|$|(?:WHERE|GROUP\s+BY|ORDER\s+BY|(?:LEFT|RIGHT|INNER|FULL)\s+(?:OUTER\s+)?JOIN)\b)",
    re.I,
)
_SQLGLOT_NAME = "sqlglot"


def holds_sql(answer: str, prompt: str) -> bool | None:
    """Whether all SQL of the answer can be read; null where it has none and is not to have any."""
    if not answer.strip():
        return None
    blocks = fenced(answer)
    if tagged := [block for block in blocks if block.language in TAGS]:
        return all_read(tagged, lambda block: reads(block.text, prompt, TAGS[block.language]))
    asked = _ASKED.search(prompt) is not None
    begins = _ANY_VERB if asked else _VERB
    pieces = [block.text for block in blocks if not block.language] if blocks else [code_only(answer)]
    statements = [piece for piece in pieces if begins.match(piece)]
    if statements or blocks:
        return all_read(statements, lambda text: reads(text, prompt))
    # Asked for and not there: no word of the answer begins a statement.
    return False if _DEMANDED.search(prompt) and not _ANYWHERE.search(answer) else None


def reads(text: str, about: str = "", dialect: str = "") -> bool | None:
    """Whether `dialect` or a common one reads every statement of the text; `about` may name one in words.

    Null where it is a procedure or a script that sqlglot does not know, where a part is left out by dots, and where
    nothing of any statement is read but its first word.

    >>> reads("SELECT TOP 5 name FROM [Order Lines]"), reads("SELECT name FORM t WHERE"), reads("VACUUM FULL t")
    (True, False, None)
    """
    bare = _TEXTS.sub("''", text)
    if "..." in bare or "…" in bare:
        return None
    filled = _BLANK.sub("filled", text)
    for tried in dict.fromkeys((dialect, *_order(bare, about)) if dialect else _order(bare, about)):
        if (roots := _parsed(filled, tried)) is not None:
            said = [_is_statement(root) for root in roots if root is not None]
            if False in said:
                continue
            if True not in said:
                return None
            return not _LEFT_OPEN.search(bare.strip()) and not any(_lacks_source(root) for root in roots if root)
    return None if _PROCEDURAL.search(bare) else False


def _order(bare: str, about: str) -> Iterator[str]:
    named = [found.lastgroup or "" for found in _NAMED.finditer(about)]
    shown = [found.lastgroup or "" for found in _SIGNS.finditer(bare)]
    yield from dict.fromkeys((*named, *shown, *_TRIED))


def _parsed(text: str, dialect: str) -> list[Any] | None:
    """The statements' trees; null where the dialect does not read them, or they are nested too deep."""
    sqlglot = _sqlglot()
    try:
        return list(sqlglot.parse(text, read=dialect or None))
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError, IndexError, KeyError, AttributeError, TypeError):
        return None


def _is_statement(root: Any) -> bool | None:
    """A column or an alias by itself is none. Null: nothing is known of it but its first word."""
    exp = _sqlglot().exp
    if isinstance(root, exp.Command):
        return None
    return not isinstance(root, exp.Condition | exp.Alias | exp.Identifier | exp.Tuple | exp.Aliases)


def _lacks_source(root: Any) -> bool:
    """Whether rows are chosen from nowhere: sqlglot takes "SELECT name people" for a name by another name."""
    exp = _sqlglot().exp
    for select in root.find_all(exp.Select):
        if select.args.get("from_"):
            continue
        chosen = [one.unalias() for one in select.expressions]
        renamed = select is root and any(isinstance(one, exp.Alias) for one in select.expressions)
        if any(isinstance(one, exp.Star) or (renamed and isinstance(one, exp.Column)) for one in chosen):
            return True
        if select.args.get("group") or (select.args.get("where") and any(select.args["where"].find_all(exp.Column))):
            return True
    return False


@cache
def _sqlglot() -> Any:
    import sqlglot

    # It warns of each statement that it does not know; what becomes of these is said by the verdict.
    logging.getLogger(_SQLGLOT_NAME).setLevel(logging.ERROR)
    return sqlglot
