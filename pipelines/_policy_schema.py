"""The JSON Schema of a policy, by which an editor completes its keys and figures and underlines what is wrong.

`python -m pipelines._policy_schema` writes it to schemas/policies/; a test keeps it up to date.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

import checks.catalogue  # noqa: F401 - registers them
from checks.registry import CHECKS
from pipelines._figures import did_you_mean
from schemas.outcome import Fate
from schemas.policy import PERCENT, POLICIES, Policy
from schemas.report import CheckFigures, ExportFigures, Report
from schemas.settings import Format

SCHEMA = POLICIES / "policy.schema.json"

# A key of the data: a language, a reason, a benchmark, a quantile.
_ANY = "\0"
_KEYS = {"outcomes": [fate.value for fate in Fate], "quantiles": ["0.05", "0.25", "0.5", "0.75", "0.95"]}


@cache
def figures() -> tuple[str, ...]:
    """Every figure's path, of whatever run; `\\0` stands for a key that only the data knows."""
    found = [path for path in _paths(Report, "", "") if not path.startswith(".checks.families.")]
    checks = [f"checks.{check.reason}{path}" for check in CHECKS.values() for path in _paths(CheckFigures, "", "")]
    exports = [f"exports.{name}{path}" for name in get_args(Format) for path in _paths(ExportFigures, "", "")]
    return tuple(sorted({path.removeprefix(".") for path in [*found, *checks, *exports] if path}))


def _paths(kind: Any, above: str, name: str) -> Iterator[str]:
    """The paths of single values below a value of the type `kind`."""
    if NoneType in get_args(kind) and get_origin(kind) is not Literal:
        for each in {str(one): one for one in get_args(kind) if one is not NoneType}.values():
            yield from _paths(each, above, name)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for key, field in kind.model_fields.items():
            # What lists hold has no path; checks and exports are listed by name.
            if not (kind is Report and key in ("gate", "exports")):
                yield from _paths(field.annotation, f"{above}.{key}", key)
    elif get_origin(kind) is dict:
        for key in _KEYS.get(name, [_ANY]):
            yield from _paths(get_args(kind)[1], f"{above}.{key}", "")
    elif get_origin(kind) is not list and kind is not Any:
        yield above


def nearest(figure: str) -> str:
    """`, did you mean ...?`, or nothing."""
    return did_you_mean(figure, [path for path in figures() if _ANY not in path])


def policy_schema() -> dict[str, Any]:
    """The schema of the model, its figures listed."""
    schema = Policy.model_json_schema()
    named = [path for path in figures() if _ANY not in path]
    open_ended = [path for path in figures() if _ANY in path]
    demand = schema["$defs"]["Demand"]
    demand["properties"]["figure"] |= {
        "anyOf": [{"enum": named}, *({"pattern": _pattern(path)} for path in open_ended)],
    }
    # What the model's validators say.
    demand["anyOf"] = [{"required": [key]} for key in ("min", "max", "equals", "no_worse_than")]
    demand["dependentRequired"] = {"by": ["no_worse_than"], "better": ["no_worse_than"]}
    for key in ("by", "margin"):
        number, text, null = demand["properties"][key]["anyOf"]
        demand["properties"][key]["anyOf"] = [number | {"minimum": 0}, text | {"pattern": PERCENT}, null]
    schema["$defs"]["Where"]["minProperties"] = 1
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Assay policy"} | schema


def _pattern(path: str) -> str:
    return "^" + ".+".join(re.escape(part) for part in path.split(_ANY)) + "$"


def written() -> str:
    """The file's content."""
    return json.dumps(policy_schema(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(written(), encoding="utf-8")
