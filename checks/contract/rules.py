"""The dataset's contract in plain words and plain frames, before any engine sees it.

Three suites. `release`: what every released row holds. `ledger`: what every readable row holds.
`policy`: the demands of the gate, as rules over a frame of one row that has a column per figure.
Rules are data; `checks.expectations` hands them to Great Expectations and brings the results back.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from checks.registry import Check, Severity
from schemas.decision import Verdict
from schemas.outcome import SPLITS, Fate
from schemas.policy import Demand, Policy
from schemas.record import Kind
from schemas.report import ExpectationResult, Expectations

RELEASE, LEDGER, POLICY = "release", "ledger", "policy"

FAILED_DROPS = "failed_drop_checks"
"""Derived column: how many DROP checks a row fails."""

# A note says something about single rows; only when most rows fail it does it say something about
# the dataset (or about the check), and only then is it worth a line. It never decides.
NOTE_MOSTLY = 0.5
# Token counts are 32-bit in every trainer; above that a count is a defect, not a length.
MOST_TOKENS = 2**31 - 1

# Judged from the results of this very contract, or after it: no demand on them can be part of it.
CIRCULAR = ("expectations.", "gate.")

Weight = Literal["critical", "warning", "info"]


class Where(NamedTuple):
    """Rows a rule is about: those whose `column` is (or is not) one of `values`."""

    column: str
    values: tuple[str, ...]
    among: bool = True


class Rule(NamedTuple):
    """One expectation: GX's type and arguments, how much it weighs, and what it means."""

    suite: str
    expectation: str
    column: str | None
    arguments: dict[str, Any]
    severity: Weight
    sentence: str
    where: Where | None = None


_UNJUDGED = Where("decision", (Verdict.ACCEPT.value, Verdict.FIX.value, Verdict.RESTORE.value), among=False)
"""A person may release what a REVIEW check doubts."""

_UNRESTORED = Where("decision", (Verdict.RESTORE.value,), among=False)
"""What a DROP check refuses is released only where a person restored it, by name and with a reason."""


class Finding(NamedTuple):
    """What came back for a rule. `error` set: it could not be evaluated, whatever `success` says."""

    success: bool
    observed: str | None = None
    unexpected: int | None = None
    error: str | None = None


def contract_rules(checks: Sequence[Check], policy: Policy) -> list[Rule]:
    """Every rule, suite by suite, in the order they are reported."""
    return [*_release_rules(checks), *_ledger_rules(), *_policy_rules(policy)]


def judge(rules: Sequence[Rule], findings: Sequence[Finding]) -> Expectations:
    """The findings in the report's form. It holds when nothing critical failed and nothing went unevaluated."""
    results = [
        ExpectationResult(
            suite=rule.suite,
            expectation=rule.expectation,
            column=rule.column,
            severity=rule.severity,
            success=finding.success and finding.error is None,
            observed=finding.observed,
            unexpected=finding.unexpected,
            error=finding.error,
            sentence=rule.sentence,
        )
        for rule, finding in zip(rules, findings, strict=True)
    ]
    return tally(results)


def tally(results: Sequence[ExpectationResult]) -> Expectations:
    """Counts over `results`, in their order. An expectation without a verdict is in none but `not_evaluated`."""
    evaluated = [result for result in results if result.error is None]
    failed = [result.severity for result in evaluated if not result.success]
    broken = failed.count("critical") + len(results) - len(evaluated)
    return Expectations(
        success=bool(results) and not broken,
        evaluated=len(evaluated),
        successful=len(evaluated) - len(failed),
        critical_failures=failed.count("critical"),
        warning_failures=failed.count("warning"),
        not_evaluated=len(results) - len(evaluated),
        results=list(results),
    )


def _release_rules(checks: Sequence[Check]) -> Iterable[Rule]:
    row = _Rules(RELEASE)
    splits = [str(split) for split in SPLITS]
    yield row.some_rows("At least one row is released")
    yield row.not_null("record_id", "Every released row has a record_id")
    yield row("expect_column_values_to_be_unique", "record_id", "No two released rows share a record_id")
    yield row(
        "expect_column_values_to_match_regex",
        "record_id",
        "Every record_id is a SHA-256 in 64 hexadecimal digits",
        regex="^[0-9a-f]{64}$",
    )
    yield row.not_null("split", "Every released row has a split")
    yield row.one_of("split", splits, "Every split is train, validation or test")
    # "neither": a null beside a value is a difference, not a pair to skip.
    pair = {"column_A": "outcome", "column_B": "split", "ignore_row_if": "neither"}
    sentence = "The split of a released row is its outcome"
    yield Rule(RELEASE, "expect_column_pair_values_to_be_equal", "outcome, split", pair, "critical", sentence)
    yield row.not_null("n_tokens", "The length in tokens is known for every released row")
    yield row.between("n_tokens", 1, MOST_TOKENS, "Every released row has at least one token")
    yield row.between("quality", 0, 1, "Quality, where it could be scored, lies between 0 and 1")
    yield row.not_null("quality", "Quality could be scored for every released row", "info")
    yield from (_check_rule(row, check) for check in checks)


def _check_rule(row: "_Rules", check: Check) -> Rule:
    if check.severity == Severity.NOTE:
        sentence = f"At least half of the released rows pass {check.reason}: {_plain(check.description)}"
        return row.one_of(check.column, [True], sentence, "info", mostly=NOTE_MOSTLY)
    if check.severity == Severity.REVIEW:
        sentence = f"Every released row that no person judged passes {check.reason}: {_plain(check.description)}"
        return row.one_of(check.column, [True], sentence)._replace(where=_UNJUDGED)
    sentence = f"Every released row passes {check.reason}: {_plain(check.description)}"
    return row.one_of(check.column, [True], sentence)._replace(where=_UNRESTORED)


def _ledger_rules() -> Iterable[Rule]:
    row = _Rules(LEDGER)
    # A readable record is any row but an unreadable one, so that outcome would contradict it.
    fates = [str(fate) for fate in Fate if fate != Fate.UNREADABLE]
    yield row.some_rows("At least one row was readable")
    yield row.not_null("record_id", "Every readable row has a record_id")
    yield row.not_null("source", "Every readable row names its source")
    yield row.not_null("source_row", "Every readable row says where it stood in its source")
    yield row.between("source_row", 1, None, "Rows of a source are counted from 1")
    yield row.not_null("kind", "Every readable row has a kind")
    yield row.one_of("kind", [str(kind) for kind in Kind], "Every kind is sft, preference or kto")
    yield row.not_null("outcome", "Every readable row has an outcome")
    yield row.one_of("outcome", fates, "Every outcome is one the ledger knows for a readable row")
    unreleased = Where("outcome", tuple(str(split) for split in SPLITS), among=False)
    sentence = "No row outside the release has a split"
    yield row("expect_column_values_to_be_null", "split", sentence)._replace(where=unreleased)
    dropped = Where("outcome", (str(Fate.DROPPED),))
    sentence = "Every dropped row fails at least one check that drops"
    yield row.between(FAILED_DROPS, 1, None, sentence)._replace(where=dropped)


def _policy_rules(policy: Policy) -> Iterable[Rule]:
    for demand in policy.demands:
        # Of some rows, and beside another release, the gate alone judges: this frame has the report's own figures.
        if not demand.figure.startswith(CIRCULAR) and demand.where is None and demand.each is None:
            yield from _demand_rules(demand)


def _demand_rules(demand: Demand) -> Iterable[Rule]:
    """At most two rules: the bounds, and the value it must equal.

    They are aggregates over the one row, because an expectation about values skips nulls and so
    passes what was never measured. The minimum of nothing is no number, and fails.
    """
    row = _Rules(POLICY)
    severity: Weight = "critical" if demand.severity == "fail" else "warning"
    alone = demand.model_copy(update={"no_worse_than": None})
    bounds, word = alone.model_copy(update={"equals": None}), alone.model_copy(update={"min": None, "max": None})
    if bounds.requirement:
        kind = "expect_column_min_to_be_between"
        yield row(kind, demand.figure, _demanded(bounds), severity, min_value=demand.min, max_value=demand.max)
    if word.requirement:
        kind = "expect_column_most_common_value_to_be_in_set"
        yield row(kind, demand.figure, _demanded(word), severity, value_set=[demand.equals])


def _demanded(demand: Demand) -> str:
    return f"{demand.figure} is {demand.requirement}" + (f": {_plain(demand.why)}" if demand.why else "")


class _Rules(NamedTuple):
    """Writes the rules of one suite shorter."""

    suite: str

    def __call__(
        self, kind: str, column: str | None, sentence: str, severity: Weight = "critical", **arguments: object
    ) -> Rule:
        said = {"column": column} if column else {}
        return Rule(self.suite, kind, column, {**said, **arguments}, severity, sentence)

    def some_rows(self, sentence: str) -> Rule:
        return self("expect_table_row_count_to_be_between", None, sentence, min_value=1)

    def not_null(self, column: str, sentence: str, severity: Weight = "critical") -> Rule:
        return self("expect_column_values_to_not_be_null", column, sentence, severity)

    def between(self, column: str, low: float, high: float | None, sentence: str) -> Rule:
        return self("expect_column_values_to_be_between", column, sentence, min_value=low, max_value=high)

    def one_of(
        self, column: str, values: list[Any], sentence: str, severity: Weight = "critical", mostly: float = 1.0
    ) -> Rule:
        kind = "expect_column_values_to_be_in_set"
        return self(kind, column, sentence, severity, value_set=values, mostly=mostly)


def _plain(text: str) -> str:
    return text.rstrip(" .")
