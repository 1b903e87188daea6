"""What the gate demands of a report.

A policy is YAML: each demand names a figure of report.json by its dotted path and bounds it.

    policy_version: 1
    name: default
    demands:
      - figure: rows.released
        min: 1
      - figure: checks.refusal.full.released
        each: language
        max: 0
        severity: warn
      - figure: quality.mean
        no_worse_than: ../releases/2026-01
        by: 2%

policies/ holds the ready ones, and the JSON Schema that an editor completes a policy by.
"""

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from schemas.errors import PolicyError
from schemas.settings import Frozen, first_problem

READY = ("strict", "sft", "preference", "smoke")
"""Policies that are named instead of written: policies/NAME.yaml."""

POLICIES = Path(__file__).parent / "policies"

Key = Literal["split", "domain", "language", "source"]
KEYS: tuple[Key, ...] = ("split", "domain", "language", "source")

PERCENT = r"^\d+(\.\d+)?\s*%$"


def _is_an_amount(said: float | str) -> float | str:
    if isinstance(said, str) and not re.match(PERCENT, said):
        raise ValueError("is neither a number nor a percentage such as 5%")
    if not isinstance(said, str) and said < 0:
        raise ValueError("must not be below 0")
    return said


# Bare it counts in the figure's own unit, with % in hundredths of what it is held against.
Amount = Annotated[float | str, AfterValidator(_is_an_amount)]


def amount(said: float | str, of: float) -> float:
    """
    >>> amount(0.5, of=40), amount("5%", of=40), amount("5%", of=-40)
    (0.5, 2.0, 2.0)
    """
    return float(said.rstrip("% ")) / 100 * abs(of) if isinstance(said, str) else said


class Where(Frozen):
    """The rows that a demand is about: those of which all that is said here holds. Null: any.

    `language` and `domain` are "unknown" for rows without one; domains are those of `annotation.domains`.
    """

    split: Literal["train", "validation", "test"] | None = None
    domain: str | None = Field(default=None, min_length=1)
    language: str | None = Field(default=None, min_length=1)
    source: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _says_something(self) -> "Where":
        if not self.said:
            raise ValueError("where needs split, domain, language or source")
        return self

    @property
    def said(self) -> dict[str, str]:
        """What is said, by key, in the order of KEYS."""
        return {key: value for key in KEYS if (value := getattr(self, key)) is not None}


class Demand(Frozen):
    """One bound on one figure. `equals` is for flags and words, `min` and `max` for numbers."""

    figure: str = Field(min_length=1, description="A figure of report.json by its dotted path.")
    where: Where | None = Field(default=None, description="The figure of these rows alone.")
    each: Key | None = Field(default=None, description="The figure of each group of rows; the demand holds for all.")
    min: float | None = Field(default=None, description="At least this.")
    max: float | None = Field(default=None, description="At most this.")
    equals: bool | int | str | None = Field(default=None, description="This flag or word.")
    no_worse_than: str | None = Field(
        default=None, min_length=1, description="The folder of another release; relative to this file's folder."
    )
    by: Amount | None = Field(default=None, description="How much worse it may be: 0.02, or 5% of what it was there.")
    better: Literal["higher", "lower"] | None = Field(
        default=None, description="Which way is better, where Assay does not know it of the figure."
    )
    margin: Amount | None = Field(
        default=None, description="Met by less than this is a warning: 0.02, or 5% of the bound."
    )
    severity: Literal["fail", "warn"] = Field(default="fail", description="fail decides; warn is shown.")
    why: str | None = Field(default=None, description="For the reader of the report.")

    @model_validator(mode="after")
    def _bounds_something(self) -> "Demand":
        if self.min is None and self.max is None and self.equals is None and self.no_worse_than is None:
            raise ValueError("a demand needs min, max or equals, or no_worse_than")
        if self.no_worse_than is None and (self.by is not None or self.better is not None):
            raise ValueError("by and better belong to no_worse_than, which is not there")
        if self.margin is not None and self.equals is not None:
            raise ValueError("margin is for numbers; equals has none")
        if self.each is not None and self.where is not None and self.each in self.where.said:
            raise ValueError(f"each {self.each} of one {self.each} is one; keep each or where.{self.each}")
        return self

    @property
    def requirement(self) -> str:
        """The bound in words, for the report: `at least 1`, `at most 0.95`."""
        return " and ".join([*self.bounds, *([self.comparison] if self.no_worse_than else [])])

    @property
    def bounds(self) -> list[str]:
        """What is bounded by the policy itself."""
        parts = [
            f"at least {self.min:g}" if self.min is not None else "",
            f"at most {self.max:g}" if self.max is not None else "",
            f"equal to {self.equals}" if self.equals is not None else "",
        ]
        return [part for part in parts if part]

    @property
    def comparison(self) -> str:
        """The other release in words, without what it measured."""
        slack = self.by if isinstance(self.by, str) else f"{self.by:g}" if self.by else ""
        return f"no worse than {Path(self.no_worse_than or '').name}" + (f" by more than {slack}" if slack else "")


class Policy(Frozen):
    """The demands, and the name they go by in reports."""

    policy_version: Literal[1] = 1
    name: str = "default"
    demands: tuple[Demand, ...] = Field(min_length=1)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what is demanded, however it is written down and wherever compared releases lie."""
        demands = [
            demand.model_copy(update={"no_worse_than": demand.no_worse_than and Path(demand.no_worse_than).name})
            for demand in self.demands
        ]
        said = self.model_copy(update={"demands": tuple(demands)})
        return sha256(said.model_dump_json(exclude_none=True).encode("utf-8", "surrogatepass")).hexdigest()


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
    """The policy in `path`, or the ready one of that name; folders of compared releases are absolute in it.

    Raises PolicyError, naming the key, for anything it does not know.
    """
    file = POLICIES / f"{path}.yaml" if str(path) in READY else path
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        ready = ", ".join(READY)
        raise PolicyError(
            f"{path}: cannot be read ({error.strerror}); check the path given to --policy, or name one of {ready}"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(f"{path}: is not YAML ({str(error).splitlines()[0]}); correct the file") from error
    try:
        return _located(Policy.model_validate(content), file.parent)
    except ValidationError as error:
        raise PolicyError(f"{path}: {first_problem(error)}") from error


def _located(policy: Policy, folder: Path) -> Policy:
    demands = [
        demand.model_copy(update={"no_worse_than": os.path.abspath(folder / demand.no_worse_than)})
        if demand.no_worse_than
        else demand
        for demand in policy.demands
    ]
    return policy.model_copy(update={"demands": tuple(demands)})
