"""Policies: what a demand may say, and the ready ones."""

from pathlib import Path

import pytest
import yaml

from schemas.errors import PolicyError
from schemas.policy import POLICIES, READY, load_policy


def refusal(tmp_path: Path, demand: str) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(f"demands:\n- {{figure: rows.released, {demand}}}\n")
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("demand", "complaint"),
    [
        ("where: {}, min: 1", "where needs split, domain, language or source"),
        ("where: {tongue: de}, min: 1", "tongue: unknown key"),
        ("where: {split: dev}, min: 1", "split"),
        ("each: cluster, min: 1", "each"),
        ("each: split, where: {split: test}, min: 1", "each split of one split is one"),
        ("by: 5%, min: 1", "by and better belong to no_worse_than"),
        ("better: lower, min: 1", "by and better belong to no_worse_than"),
        ("no_worse_than: x, by: five", "is neither a number nor a percentage such as 5%"),
        ("no_worse_than: x, by: -1", "must not be below 0"),
        ("equals: 1, margin: 1", "margin is for numbers"),
        ("margin: 1", "a demand needs min, max or equals, or no_worse_than"),
    ],
)
def test_a_demand_that_means_nothing_is_refused(tmp_path: Path, demand: str, complaint: str) -> None:
    assert complaint in refusal(tmp_path, demand)


@pytest.mark.parametrize("name", READY)
def test_a_ready_policy_is_named_and_says_why_of_each_demand(name: str) -> None:
    policy = load_policy(Path(name))
    assert policy.name == name
    assert all(demand.why for demand in policy.demands)
    text = (POLICIES / f"{name}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=policy.schema.json\n")
    assert yaml.safe_load(text)["name"] == name


def test_no_other_name_is_a_policy() -> None:
    with pytest.raises(PolicyError, match="name one of strict, sft, preference, smoke"):
        load_policy(Path("lenient"))


def test_a_digest_is_of_what_is_demanded_not_of_how_it_is_written(tmp_path: Path) -> None:
    one, same, other = (tmp_path / f"{name}.yaml" for name in "abc")
    one.write_text("# a comment\ndemands:\n- {figure: rows.released, min: 1}\n")
    same.write_text("policy_version: 1\ndemands:\n  - min: 1.0\n    figure: rows.released\n")
    other.write_text("demands:\n- {figure: rows.released, min: 2}\n")
    assert load_policy(one).digest == load_policy(same).digest != load_policy(other).digest
