"""The catalogue is complete, in order, and the same as its documentation."""

from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from checks.catalogue import FAMILIES, all_checks, as_markdown
from checks.registry import CHECKS, Severity, check

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "checks.md"


def test_all_checks_stand_family_by_family():
    families = [entry.family for entry in all_checks()]
    assert set(families) == {module.__name__.removeprefix("checks.") for module in FAMILIES}
    assert sum(before != after for before, after in pairwise(families)) == len(FAMILIES) - 1
    assert {entry.reason for entry in all_checks()} == set(CHECKS)


def test_the_contract_fixes_two_names():
    assert {"refusal.full", "refusal.partial"} <= set(CHECKS)


def test_the_document_is_the_registry():
    assert DOCUMENT.read_text(encoding="utf-8") == as_markdown(), "run python -m checks.catalogue > docs/checks.md"


def test_a_check_says_what_it_demands():
    with pytest.raises(TypeError, match="needs a docstring"):

        @check(Severity.NOTE)
        def nameless() -> pl.Expr:
            return pl.lit(True)


def test_two_checks_cannot_share_a_name():
    def full() -> pl.Expr:
        """The name is taken."""
        return pl.lit(True)

    full.__module__ = "checks.refusal"
    with pytest.raises(TypeError, match=r"two checks are called refusal\.full"):
        check(Severity.NOTE)(full)
