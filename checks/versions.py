"""Versions of checks: a digest of all that a verdict follows from beside the record, so that a change is seen."""

import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import polars as pl

from checks._text import behind
from checks.registry import Check

# What polars writes before a Python function that an expression calls.
_PYTHON = b"PLPYFN"

PARSERS = (
    *("jsonschema", "markdown-it-py", "orjson", "pyyaml", "sqlglot", "tree-sitter", "tree-sitter-bash"),
    *("tree-sitter-c", "tree-sitter-c-sharp", "tree-sitter-cpp", "tree-sitter-css", "tree-sitter-go"),
    *("tree-sitter-html", "tree-sitter-java", "tree-sitter-javascript", "tree-sitter-php", "tree-sitter-ruby"),
    *("tree-sitter-rust", "tree-sitter-typescript"),
)
"""The distributions that checks parse with."""


def version_of(*expressions: pl.Expr) -> str:
    """24 hex characters, the same in every process: of the expressions as polars writes them, constants and all.

    Of the derived columns they read, and of polars' own version. An expression that calls Python has every file of
    this folder as its version instead, and every parser: what a function calls cannot be told from outside.
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
    return str(expression).encode() + _sources() + _parsers()


@cache
def _sources() -> bytes:
    """The files of this folder by their digests, as they were when a version was first asked for."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sources)


@cache
def _parsers() -> bytes:
    """Python and the parsers by their versions: what they read and refuse changes with them."""
    return "\0".join([sys.version, *(f"{name} {version(name)}" for name in PARSERS)]).encode()
