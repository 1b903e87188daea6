"""The policies' JSON Schema: in step with the model, and able to complete and to refuse."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipelines._figures import figures_of, lookup, paths_of, report_of
from pipelines._policy_schema import SCHEMA, written
from schemas.policy import DEFAULT_POLICY, POLICIES, READY

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def schema() -> Any:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def one(**demand: Any) -> dict[str, Any]:
    return {"demands": [{"figure": "rows.released", **demand}]}


def test_the_schema_is_what_the_model_says() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == written(), "run python -m pipelines._policy_schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", [*(POLICIES / f"{name}.yaml" for name in READY), ROOT / "examples/gate/policy.yaml"])
def test_the_policies_fit_it_and_name_it_for_editors(schema: Any, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    schema.validate(yaml.safe_load(text))
    (line,) = [line for line in text.splitlines() if line.startswith("# yaml-language-server: $schema=")]
    assert (path.parent / line.split("=", 1)[1]).resolve() == SCHEMA


def test_the_default_policy_fits_it(schema: Any) -> None:
    schema.validate(DEFAULT_POLICY.model_dump(mode="json"))


def test_every_figure_of_a_report_may_be_demanded(schema: Any, finished: Path) -> None:
    known = figures_of(report_of(finished))
    known["run"].pop("settings")
    # A part that was not measured is null as a whole.
    figures = [path for path in paths_of(known) if lookup(known, path) is not None]
    assert "checks.refusal.full.released" in figures
    for path in figures:
        schema.validate(one(figure=path, min=0))


@pytest.mark.parametrize(
    "demand",
    [
        {"figure": "rows.relased", "min": 1}, {"figure": "rows", "min": 1}, {"minimum": 1}, {},
        {"min": 1, "by": 2}, {"no_worse_than": "x", "by": "five"}, {"min": 1, "severity": "error"},
        {"min": 1, "where": {}}, {"min": 1, "where": {"split": "dev"}}, {"min": 1, "each": "cluster"},
        {"min": 1, "margin": -1},
    ],
)  # fmt: skip
def test_what_the_model_refuses_is_underlined(schema: Any, demand: dict[str, Any]) -> None:
    assert not schema.is_valid(one(**demand))


def test_what_the_model_takes_is_not(schema: Any) -> None:
    schema.validate(one(no_worse_than="../last", by="2.5%", margin=0.1, where={"language": "de"}, each="source"))
    schema.validate(one(figure="languages.de", min=1))
    schema.validate(one(figure="rows.reasons.dropped.structure.empty_completion", max=3))
