"""Versions of checks: a digest of all that a verdict follows from beside the record, so that a change is seen."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from checks._text import behind
from checks.registry import Check

# What polars writes before a Python function that an expression calls.
_PYTHON = b"PLPYFN"


def version_of(*expressions: pl.Expr) -> str:
    """24 hex characters, the same in every process: of the expressions as polars writes them, constants and all.

    Of the derived columns they read, and of polars' own version. An expression that calls Python has every file of
    this folder as its version instead: what a function calls cannot be told from outside.
    """
    digest = hashlib.sha256(pl.__version__.encode())
    for name, expression in [*enumerate(expressions), *behind(expressions).items()]:
        digest.update(f"\0{name}\0".encode() + _written(expression))
    return digest.hexdigest()[:24]


def versions_of(checks: Iterable[Check]) -> dict[str, str]:
    """Each check's reason and its version. The severity is no part of it: it changes what a verdict means only."""
    return {check.reason: version_of(*check.reads) for check in checks}


def _written(expression: pl.Expr) -> bytes:
    written = expression.meta.serialize()
    if _PYTHON not in written:
        return written
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return str(expression).encode() + b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sources)
