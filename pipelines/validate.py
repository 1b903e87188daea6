"""Validate: measure every record, run every check, take out what fails a check that drops."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from checks.catalogue import all_checks, prepared, verdicts
from checks.quality import quality
from checks.registry import Check, Severity
from pipelines._languages import detect
from pipelines._tokens import count_tokens
from schemas.errors import SettingsError
from schemas.outcome import VERDICT_SCHEMA, Fate, Outcome

OFF = "off"
"""The severity override that leaves a check out: no column, no reason, no figure."""

_LISTS = {Severity.DROP: "drop_reasons", Severity.REVIEW: "review_reasons", Severity.NOTE: "notes"}


def validate(
    records: pl.DataFrame, *, severities: Mapping[str, str], languages: Sequence[str], max_tokens: int
) -> Outcome:
    """The records that pass every check that drops, and those that do not, both with all findings.

    Adds `n_turns`, `n_words` (of the completion), `n_tokens`, `language`, `language_score`,
    `prompt_language`, `completion_language` (null: undecided), `quality` (in [0, 1]; null: no answer
    to judge), a `chk_family.name` column per check (false also where it could not be evaluated) and
    the lists `drop_reasons`, `review_reasons` and `notes`, never null, in the order of the checks.
    `severities` overrides single checks with drop, review, note or off; `languages` are ISO 639 codes,
    none allows all. Order of rows is kept. Raises SettingsError for a check or severity that is unknown.
    """
    checks = checks_in_force(severities)
    measured = _measure(records)
    judged = _judge(measured, checks, languages, max_tokens)
    listed = judged.with_columns(**{name: _failing(checks, severity) for severity, name in _LISTS.items()})
    is_dropped = pl.col("drop_reasons").list.len() > 0
    return Outcome(
        kept=listed.filter(~is_dropped),
        dropped=listed.filter(is_dropped).with_columns(**_verdict()),
        figures=_figures(listed, checks),
    )


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


def _measure(records: pl.DataFrame) -> pl.DataFrame:
    prompts = detect(records["prompt"]).select(prompt_language="language", prompt_score="score")
    completions = detect(records["completion"]).select(completion_language="language", completion_score="score")
    texts = records.select(_trained_text()).to_series()
    measured = records.with_columns(
        n_turns=pl.col("messages").list.len().fill_null(0).cast(pl.Int64),
        n_words=pl.col("completion").str.count_matches(r"\S+").fill_null(0).cast(pl.Int64),
        n_tokens=count_tokens(texts),
    ).hstack([*prompts, *completions])
    # The model learns to write the completion: its language is the record's, where it shows one.
    return measured.with_columns(
        language=pl.coalesce("completion_language", "prompt_language"),
        language_score=pl.coalesce("completion_score", "prompt_score"),
    ).drop("prompt_score", "completion_score")


def _trained_text() -> pl.Expr:
    """What one sequence holds: every turn's text and tool calls, and the chosen answer. Never null."""

    def said(turns: str) -> pl.Expr:
        turn = pl.element().struct
        function = pl.element().struct.field("function").struct
        call = pl.concat_str(function.field("name").fill_null(""), function.field("arguments").fill_null(""))
        calls = turn.field("tool_calls").list.eval(call).list.join("\n").fill_null("")
        return pl.col(turns).list.eval(turn.field("content").fill_null("") + calls).list.join("\n").fill_null("")

    return pl.concat_str(said("messages"), said("chosen"), separator="\n").str.strip_suffix("\n").alias("text")


def _judge(measured: pl.DataFrame, checks: Sequence[Check], languages: Sequence[str], max_tokens: int) -> pl.DataFrame:
    limits = {
        "limit_tokens": pl.lit(max_tokens, dtype=pl.Int64),
        "allowed_languages": pl.lit(list(languages), dtype=pl.List(pl.String)),
    }
    ready = prepared(measured.with_columns(**limits))
    # A check that could not be evaluated has not passed.
    passed = verdicts(ready, checks).select(pl.all().fill_null(False))
    return measured.with_columns(quality(ready)).hstack(passed)


def _failing(checks: Sequence[Check], severity: Severity) -> pl.Expr:
    """The reasons of the failing checks of one severity, in their order; an empty list where there are none."""
    reasons = [pl.when(~pl.col(c.column)).then(pl.lit(c.reason)) for c in checks if c.severity == severity]
    if not reasons:
        return pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(reasons).list.drop_nulls()


def _verdict() -> dict[str, pl.Expr]:
    given = {"outcome": pl.lit(Fate.DROPPED.value), "reasons": pl.col("drop_reasons")}
    return {name: given.get(name, pl.lit(None)).cast(dtype) for name, dtype in VERDICT_SCHEMA.items()}


def _figures(judged: pl.DataFrame, checks: Sequence[Check]) -> dict[str, Any]:
    failed = judged.select((~pl.col(check.column)).sum() for check in checks).row(0) if checks else ()
    return {
        "checked": judged.height,
        "checks": [
            {
                "family": check.family,
                "name": check.name,
                "severity": check.severity.value,
                "description": check.description,
                "failed": count,
            }
            for check, count in zip(checks, failed, strict=True)
        ],
    }
