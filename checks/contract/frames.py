"""The frames the contract is about: the released rows, all readable rows, and the demanded figures."""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
import polars.selectors as cs

from checks.contract.rules import FAILED_DROPS, LEDGER, POLICY, RELEASE, Rule
from checks.registry import Check, Severity
from schemas.outcome import SPLITS


def row_frames(records: pl.DataFrame, *, checks: Sequence[Check], rules: Sequence[Rule]) -> dict[str, pl.DataFrame]:
    """The frames of the suites about rows, holding only the scalar columns their rules name.

    A column that `records` lacks is left out, so that its rules cannot be evaluated. A null check has not passed
    and reads false, unless it is about some rows only: then no rule counts it. Without `outcome` nothing can be
    called released.
    """
    drops = [check.column for check in checks if check.severity == Severity.DROP]
    wanted = [*_columns(rules, RELEASE), *_columns(rules, LEDGER)]
    # pandas reads Categorical and Enum as its own categories, which do not compare with words.
    words = cs.categorical() | cs.enum()
    rows = records.select(_present(wanted, records.columns)).with_columns(words.cast(pl.String))
    always = [check.column for check in checks if check.applies is None]
    rows = rows.with_columns(pl.col(_present(always, rows.columns)).fill_null(False))
    fails = [~pl.col(name) for name in _present(drops, rows.columns)]
    rows = rows.with_columns(pl.sum_horizontal(pl.lit(0, pl.Int32), *fails).alias(FAILED_DROPS))
    released = rows.filter(pl.col("outcome").is_in(SPLITS)) if "outcome" in rows.columns else rows.clear()
    return {
        RELEASE: released.select(_present(["record_id", *_columns(rules, RELEASE)], released.columns)),
        LEDGER: rows.select(_present(["record_id", *_columns(rules, LEDGER)], rows.columns)),
    }


def figures_frame(figures: Mapping[str, object], rules: Sequence[Rule]) -> pl.DataFrame:
    """The frame of the suite about figures: one row, a column per demanded figure."""
    return pl.DataFrame({name: [figure(figures, name)] for name in _columns(rules, POLICY)})


def unconditional(rules: Sequence[Rule], frames: Mapping[str, pl.DataFrame]) -> list[Rule]:
    """The rules, without those conditions that every row of their frame meets: they select nothing.

    An engine pays for each condition; where no person judged a row, a third of the rules are about all rows.
    """
    return [rule._replace(where=None) if _met_by_all(rule, frames.get(rule.suite)) else rule for rule in rules]


def _met_by_all(rule: Rule, frame: pl.DataFrame | None) -> bool:
    if rule.where is None or frame is None or rule.where.column not in frame.columns:
        return False
    named = frame[rule.where.column].is_in(rule.where.values).fill_null(False)
    return bool((named if rule.where.among else ~named).all())


def figure(figures: Mapping[str, object], path: str) -> bool | int | float | str | None:
    """The scalar at a dotted `path`; null where there is none or where it is not a scalar.

    `figures` may be nested, flat with dotted keys, or both; a check's figures are found as
    checks.FAMILY.NAME too.

    >>> figure({"rows": {"released": 3}}, "rows.released"), figure({"rows.released": 3}, "rows.released")
    (3, 3)
    >>> figure({"rows": {"released": 3}}, "rows.relaesed") is None
    True
    """
    found = _walk(figures, path.split("."))
    if found is None and path.startswith("checks."):
        found = _walk(figures, ["checks", "families", *path.split(".")[1:]])
    if isinstance(found, str):
        return str(found)
    return found if isinstance(found, bool | int | float) else None


def _walk(node: object, steps: list[str]) -> object:
    if not steps:
        return node
    if not isinstance(node, Mapping):
        return None
    for taken in range(len(steps), 0, -1):
        found = _walk(node.get(".".join(steps[:taken])), steps[taken:])
        if found is not None:
            return found
    return None


def _columns(rules: Iterable[Rule], suite: str) -> list[str]:
    """Every column the suite's rules read, once each."""
    names: dict[str, None] = {}
    for rule in rules:
        if rule.suite == suite:
            said = [rule.arguments.get(key) for key in ("column", "column_A", "column_B")]
            names.update(dict.fromkeys(name for name in [*said, rule.where and rule.where.column] if name))
    return list(names)


def _present(wanted: Iterable[str], columns: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(wanted) if name in columns]
