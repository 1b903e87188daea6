"""Validate: measure every record, run every check, take out what fails a check that drops."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numpy as np
import polars as pl

from checks.catalogue import all_checks, verdicts
from checks.registry import Check, Severity
from pipelines._measures import measures
from pipelines._record_keys import record_keys
from pipelines._restored import is_restored
from pipelines._verdicts import apart, judged
from pipelines.trainability.measuring import Plan, trainability
from schemas.errors import SettingsError
from schemas.outcome import VERDICT_SCHEMA, Fate, Outcome

OFF = "off"
"""The severity override that leaves a check out: no column, no reason, no figure."""

_LISTS = {Severity.DROP: "drop_reasons", Severity.REVIEW: "review_reasons", Severity.NOTE: "notes"}


def validate(
    records: pl.DataFrame,
    *,
    severities: Mapping[str, str],
    languages: Sequence[str],
    max_tokens: int,
    plan: Plan | None = None,
    cache: str | None = None,
) -> Outcome:
    """The records that pass every check that drops or that a person restored, and the others, all with all findings.

    Adds `n_turns`, `n_words` (of the completion), `n_tokens`, `language`, `language_score`,
    `prompt_language`, `completion_language` (null: undecided), `quality` (in [0, 1]; null: no answer
    to judge), a `chk_family.name` column per check (`Check.verdict`) and
    the lists `drop_reasons`, `review_reasons` and `notes`, never null, in the order of the checks.
    `severities` overrides single checks with drop, review, note or off; `languages` are ISO 639 codes,
    none allows all. Order of rows is kept. Raises SettingsError for a check or severity that is unknown.

    `cache`, a path or an fsspec URL, remembers by record and version what a measure or check found.
    """
    checks = checks_in_force(severities)
    listed = _listed(_judged(records, checks, languages, max_tokens, plan, cache), checks)
    is_dropped = (pl.col("drop_reasons").list.len() > 0) & ~is_restored(listed)
    return Outcome(
        kept=listed.filter(~is_dropped),
        dropped=listed.filter(is_dropped).with_columns(**_verdict()),
        figures=_figures(listed, checks),
    )


def validate_slices(
    slices: Iterable[pl.DataFrame],
    *,
    severities: Mapping[str, str],
    languages: Sequence[str],
    max_tokens: int,
    plan: Plan | None = None,
    cache: str | None = None,
) -> Iterator[Outcome]:
    """`validate` of each slice in turn, for more records than memory holds; `summed` adds up their figures.

    The outcomes, one behind the other, are those of the whole: no check looks beyond its record.
    """
    for part in slices:
        yield validate(part, severities=severities, languages=languages, max_tokens=max_tokens, plan=plan, cache=cache)


def summed(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of a whole from those of its slices, of which there is at least one."""
    first = figures[0]
    counts = [[(check["applied"], check["failed"]) for check in part["checks"]] for part in figures]
    sums = np.sum(counts, axis=0).tolist()
    checks = [
        {**check, "applied": applied, "failed": failed}
        for check, (applied, failed) in zip(first["checks"], sums, strict=True)
    ]
    return {"checked": sum(part["checked"] for part in figures), "checks": checks}


def checks_in_force(severities: Mapping[str, str]) -> tuple[Check, ...]:
    """Every check that is not off, with the severity that holds. Raises SettingsError as `validate` does."""
    checks = all_checks()
    known = [check.reason for check in checks]
    for reason, severity in severities.items():
        if reason not in known:
            near = difflib.get_close_matches(reason, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "docs/checks.md lists them all"
            raise SettingsError(f"validation.severities: no check is called {reason!r}; {hint}")
        if severity not in (*Severity, OFF):
            allowed = ", ".join((*Severity, OFF))
            raise SettingsError(f"validation.severities.{reason}: {severity!r} is no severity; use one of {allowed}")
    wanted = [(check, severities.get(check.reason, check.severity)) for check in checks]
    return tuple(check._replace(severity=Severity(said)) for check, said in wanted if said != OFF)


def _judged(
    records: pl.DataFrame,
    checks: Sequence[Check],
    languages: Sequence[str],
    max_tokens: int,
    plan: Plan | None,
    cache: str | None,
) -> pl.DataFrame:
    """The records with what is measured, their quality, and a column per check in the order of the checks."""
    keys = record_keys(records) if cache else None
    steady, others = apart(checks)
    # Models that hold Python's lock speak for one core, polars' regexes for the other. The run's tally goes with them.
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(copy_context().run, measures, records, cache=cache, keys=keys)
        prepared = beside.submit(copy_context().run, trainability, records, plan, cache=cache, keys=keys)
        passed = judged(records, steady, cache=cache, keys=keys)
        spoken, training = asked.result(), prepared.result()
    measured = _measured(records, spoken).with_columns(training)
    limits = {
        "limit_tokens": pl.lit(max_tokens, dtype=pl.Int64),
        "allowed_languages": pl.lit(list(languages), dtype=pl.List(pl.String)),
    }
    # Few and quick, and they follow from settings too: not worth remembering.
    further = verdicts(measured.with_columns(**limits), others)
    both = passed.hstack(further)
    return measured.hstack(both.select("quality", *(check.column for check in checks)))


def _measured(records: pl.DataFrame, spoken: pl.DataFrame) -> pl.DataFrame:
    measured = records.with_columns(
        n_turns=pl.col("messages").list.len().fill_null(0).cast(pl.Int64),
        n_words=pl.col("completion").str.count_matches(r"\S+").fill_null(0).cast(pl.Int64),
    ).hstack(spoken)
    # The model learns to write the completion: its language is the record's, where it shows one.
    return measured.select(
        *records.columns,
        *("n_turns", "n_words", "n_tokens", "prompt_language", "completion_language"),
        language=pl.coalesce("completion_language", "prompt_language"),
        language_score=pl.coalesce("completion_score", "prompt_score"),
    )


def _listed(found: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    """With the reasons of the failing checks of each severity, in the order of the checks."""
    return found.with_columns(
        _failing(found, [check for check in checks if check.severity == severity]).alias(name)
        for severity, name in _LISTS.items()
    )


def _failing(found: pl.DataFrame, checks: Sequence[Check]) -> pl.Series:
    """For each row the reasons that failed; an empty list where there are none. Few fail, so only these are listed."""
    reasons = pl.Series([check.reason for check in checks], dtype=pl.String)
    failed = ~found.select(pl.col(check.column).fill_null(True) for check in checks).to_numpy().reshape(
        found.height, len(checks)
    )
    rows, which = np.nonzero(failed)
    named = pl.DataFrame({"row": rows, "reason": reasons[which]}, schema={"row": pl.UInt32, "reason": pl.String})
    lists = named.group_by("row", maintain_order=True).agg("reason")
    every = pl.DataFrame({"row": pl.arange(found.height, dtype=pl.UInt32, eager=True)})
    filled = every.join(lists, on="row", how="left", maintain_order="left")["reason"]
    return filled.fill_null(pl.Series([[]], dtype=pl.List(pl.String)))


def _verdict() -> dict[str, pl.Expr]:
    given = {"outcome": pl.lit(Fate.DROPPED.value), "reasons": pl.col("drop_reasons")}
    return {name: given.get(name, pl.lit(None)).cast(dtype) for name, dtype in VERDICT_SCHEMA.items()}


def _figures(judged: pl.DataFrame, checks: Sequence[Check]) -> dict[str, Any]:
    columns = [judged[check.column] for check in checks]
    return {
        "checked": judged.height,
        "checks": [
            {
                "family": check.family,
                "name": check.name,
                "severity": check.severity.value,
                "description": check.description,
                "applied": column.len() - column.null_count(),
                "failed": int((~column).sum()),
            }
            for check, column in zip(checks, columns, strict=True)
        ],
    }
