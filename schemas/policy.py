"""What the gate demands of a report.

A policy is YAML: each demand names a figure of report.json by its dotted path and bounds it.

    policy_version: 1
    name: default
    demands:
      - figure: rows.released
        min: 1
      - figure: checks.refusal.full.released
        max: 0
        severity: warn
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from schemas.errors import PolicyError
from schemas.settings import Frozen, first_problem


class Demand(Frozen):
    """One bound on one figure. `equals` is for flags and words, `min` and `max` for numbers."""

    figure: str = Field(min_length=1)
    min: float | None = None
    max: float | None = None
    equals: bool | int | str | None = None
    severity: Literal["fail", "warn"] = "fail"
    why: str | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> "Demand":
        if self.min is None and self.max is None and self.equals is None:
            raise ValueError("a demand needs min, max or equals")
        return self

    @property
    def requirement(self) -> str:
        """The bound in words, for the report: `at least 1`, `at most 0.95`."""
        parts = [
            f"at least {self.min:g}" if self.min is not None else "",
            f"at most {self.max:g}" if self.max is not None else "",
            f"equal to {self.equals}" if self.equals is not None else "",
        ]
        return " and ".join(part for part in parts if part)


class Policy(Frozen):
    """The demands, and the name they go by in reports."""

    policy_version: Literal[1] = 1
    name: str = "default"
    demands: tuple[Demand, ...] = Field(min_length=1)


DEFAULT_POLICY = Policy(
    demands=(
        Demand(figure="rows.reconciles", equals=True, why="every input row has exactly one outcome"),
        Demand(figure="rows.released", min=1, why="there is something to train on"),
        Demand(figure="splits.train.rows", min=1, why="the training split is not empty"),
        Demand(figure="sources.refused", max=0, why="no source was refused as a whole"),
        # A feed in which one row in ten cannot be read is a broken feed, not a dirty one.
        Demand(figure="rows.unreadable_share", max=0.1, why="the source is mostly readable"),
        Demand(figure="splits.leakage.linked_across", max=0, why="no near-duplicates across splits"),
        Demand(figure="checks.failed_released", max=0, why="no released row fails a deciding check"),
        Demand(figure="expectations.critical_failures", max=0, why="the dataset's contract holds"),
        Demand(figure="expectations.not_evaluated", max=0, why="a check that could not run has not passed"),
        # What was not looked for has not passed.
        Demand(figure="run.draft", equals=False, why="a draft looks for semantic duplicates and leaks in part only"),
        Demand(figure="splits.validation.rows", min=1, severity="warn", why="training can be watched"),
        Demand(figure="people.restored", max=0, severity="warn", why="nothing is released on one person's word alone"),
        Demand(figure="rows.review_share", max=0.2, severity="warn", why="people can keep up with the review"),
    )
)
"""What a release must hold where the user says nothing."""


def load_policy(path: Path) -> Policy:
    """The policy in `path`. Raises PolicyError, naming the key, for anything it does not know."""
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read ({error.strerror}); check the path given to --policy") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(f"{path}: is not YAML ({str(error).splitlines()[0]}); correct the file") from error
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        raise PolicyError(f"{path}: {first_problem(error)}") from error
