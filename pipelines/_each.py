"""The released records apart: by domain, source, cluster or language, each part under a name that paths can have."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import polars as pl

from pipelines._whereabouts import short_names
from schemas.errors import UsageError

EACH = ("domain", "source", "cluster", "language")
"""Columns of records.parquet that `--each` takes."""

UNKNOWN = "unknown"
"""The name of the part whose records have no value there."""

# With a number behind it, and in the longest encoding, still shorter than the 255 bytes that a name may have.
_LONGEST = 48
_UNSAFE = re.compile(r"[^\w.-]+|\.{2,}")


class Part(NamedTuple):
    """Records that share a value; null is a value too."""

    name: str
    value: str | None
    records: pl.DataFrame


def parts(records: pl.DataFrame, by: str, *, taken: Iterable[str] = ()) -> list[Part]:
    """A part for each value, in the order of values; each record is in one. No part has a name of `taken`.

    Raises UsageError where `by` tells nothing apart.
    """
    if by not in EACH:
        raise UsageError(f"--each {by!r}: known are {', '.join(EACH)}")
    if by not in records.columns or records[by].null_count() == records.height:
        remedy = "describe them under annotation.domains and curate again, or " if by == "domain" else ""
        raise UsageError(f"no released record has a {by}: {remedy}choose another of {', '.join(EACH)}")
    values = sorted(records[by].unique(), key=lambda value: (value is None, str(value)))
    named = names(_shown(by, values), taken)
    return [
        Part(name, None if value is None else str(value), records.filter(pl.col(by).eq_missing(pl.lit(value))))
        for name, value in zip(named, values, strict=True)
    ]


def _shown(by: str, values: Sequence[Any]) -> list[str]:
    if by == "source":  # never null
        return short_names(list(values))
    prefix = "cluster-" if by == "cluster" else ""
    return [UNKNOWN if value is None else f"{prefix}{value}" for value in values]


def names(values: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """A different name for each of `values`, and none of `taken`, of letters, digits, `_`, `-` and inner dots.

    >>> names(["Law & order", "law/order", "../..", "法律"], taken=["rest"])
    ['law-order', 'law-order-2', 'part', '法律']
    """
    known = set(taken)
    found = []
    for value in values:
        plain = _UNSAFE.sub("-", unicodedata.normalize("NFKC", value).casefold()).strip("-._")[-_LONGEST:].strip("-._")
        base = plain or "part"
        name, number = base, 1
        while name in known:
            number += 1
            name = f"{base}-{number}"
        known.add(name)
        found.append(name)
    return found
