"""The registry of checks: a check is one function that returns a polars expression.

Its name is the check's name, its file the family, its docstring's first line the description. The
expression is true where the record PASSES; false and null have not passed.

    @check(Severity.DROP, fails=says(" "), but_not=says("4"))
    def empty_completion() -> pl.Expr:
        \"\"\"The completion has at least one visible character.\"\"\"
        return pl.col("completion").str.contains(r"\\S")

`fails` is a small record that fails it, `but_not` one that is close to it and passes; `checks._examples`
makes them of a few words. docs/checks.md shows the first. tests/checks/test_every_check.py runs both
and asks for both of every check, and runs every check on nothing, on whitespace, on a megabyte and on
other languages.

A check that is about some records only (a rule about JSON, where JSON was asked for) says which:
`applies`, an expression that is true for these. For the others its verdict is null: they have
neither passed nor failed, and are in none of its counts.
"""

import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import polars as pl

from checks._examples import Example

PREFIX = "chk_"
"""A check's column in a frame is `chk_` + `family.name`."""


class Severity(StrEnum):
    """What failing a check means for the row."""

    DROP = "drop"
    REVIEW = "review"
    NOTE = "note"


class Check(NamedTuple):
    """A rule with a name."""

    family: str
    name: str
    severity: Severity
    description: str
    passes: pl.Expr
    applies: pl.Expr | None = None
    """Null: to every record. Where the expression is null, the check does not apply."""
    fails: Example | None = None
    """A record that fails it, as `checks._examples` makes one."""
    but_not: Example | None = None
    """A record that passes it, and is close to one that does not."""

    @property
    def verdict(self) -> pl.Expr:
        """True: passed. False: failed, or could not be evaluated. Null: does not apply."""
        passed = self.passes.fill_null(False)
        return passed if self.applies is None else pl.when(self.applies).then(passed)

    @property
    def reads(self) -> tuple[pl.Expr, ...]:
        """The expressions that the verdict follows from."""
        return (self.passes,) if self.applies is None else (self.passes, self.applies)

    @property
    def reason(self) -> str:
        """The name in the ledger: `family.name`."""
        return f"{self.family}.{self.name}"

    @property
    def column(self) -> str:
        """The name of its boolean column."""
        return PREFIX + self.reason


CHECKS: dict[str, Check] = {}
"""Every check by its reason, in the order of their files."""


def check(
    severity: Severity,
    *,
    applies: pl.Expr | None = None,
    fails: Example | None = None,
    but_not: Example | None = None,
) -> Callable[[Callable[[], pl.Expr]], Callable[[], pl.Expr]]:
    """Register the decorated function under its name, its module's name and its docstring."""

    def register(rule: Callable[[], pl.Expr]) -> Callable[[], pl.Expr]:
        family = rule.__module__.rsplit(".", 1)[-1]
        description = (inspect.getdoc(rule) or "").split("\n", 1)[0]
        if not description:
            raise TypeError(f"{family}.{rule.__name__} needs a docstring: its first line is the check's description")
        entry = Check(family, rule.__name__, severity, description, rule(), applies, fails, but_not)
        if entry.reason in CHECKS:
            raise TypeError(f"two checks are called {entry.reason}")
        CHECKS[entry.reason] = entry
        return rule

    return register
