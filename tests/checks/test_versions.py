"""A check's version says whether its verdicts still hold: it changes with what the check is made of, and only then."""

import polars as pl
import pytest

from checks import _text
from checks.catalogue import all_checks, reads_only_the_record
from checks.quality import behind_quality
from checks.registry import Check, Severity
from checks.versions import version_of, versions_of


def rule(least: int = 3) -> pl.Expr:
    return pl.col("completion").str.len_chars() > least


def test_equal_rules_have_one_version_and_a_changed_constant_another():
    assert version_of(rule()) == version_of(rule())
    assert version_of(rule(3)) != version_of(rule(4))


def test_every_check_and_the_quality_have_a_version_of_their_own():
    versions = versions_of(all_checks())
    assert len(set(versions.values())) == len(versions)
    assert version_of(*behind_quality()) == version_of(*behind_quality())
    assert all(len(version) == 24 for version in versions.values())


def test_a_severity_is_no_part_of_it():
    check = Check("f", "n", Severity.NOTE, "d", rule())
    assert versions_of([check]) == versions_of([check._replace(severity=Severity.DROP)])


def test_a_shared_column_changes_those_that_read_it_and_no_others(monkeypatch: pytest.MonkeyPatch):
    before = versions_of(all_checks())
    monkeypatch.setitem(_text.DERIVED, "t_phones", pl.col("t_numbers").str.slice(1))
    after = versions_of(all_checks())
    assert {reason for reason in before if before[reason] != after[reason]} == {"safety.phone_number"}


def test_a_column_below_a_shared_column_counts_too(monkeypatch: pytest.MonkeyPatch):
    before = versions_of(all_checks())
    monkeypatch.setitem(_text.DERIVED, "t_numbers", pl.col("t_all").str.slice(1))
    changed = {reason for reason, version in versions_of(all_checks()).items() if before[reason] != version}
    assert changed == {"safety.phone_number", "safety.credit_card", "safety.ip_address"}


def test_a_rule_that_calls_python_has_the_whole_folder_as_its_version():
    def shout(texts: pl.Series) -> pl.Series:
        return texts.str.to_uppercase()

    def whisper(texts: pl.Series) -> pl.Series:
        return texts.str.to_lowercase()

    loud, quiet = (pl.col("completion").map_batches(said, return_dtype=pl.String) != "" for said in (shout, whisper))
    # Both are made of the files of this folder, whatever they call: none is trusted beyond a change of one of these.
    assert version_of(loud) == version_of(quiet)
    assert version_of(loud) != version_of(pl.col("completion") != "")


def test_which_checks_follow_from_the_record_alone():
    measured = {check.reason for check in all_checks() if not reads_only_the_record(check)}
    trainability = {reason for reason in measured if reason.startswith("trainability.")}
    assert trainability == {check.reason for check in all_checks() if check.family == "trainability"}
    asked = {"constraints.language_asked"}
    assert measured - trainability == {"length.over_max_tokens", "language.foreign", "language.mixed"} | asked
