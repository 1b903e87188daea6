"""The contract of one release, its rows validated before its figures are known."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from checks.contract.data_docs import publish
from checks.contract.frames import figures_frame, row_frames, unconditional
from checks.contract.rules import POLICY, Finding, Rule, contract_rules, judge
from checks.expectations import Session, frame_path
from checks.registry import Check
from schemas.policy import Policy
from schemas.report import Expectations


class Engine(Protocol):
    """What validates frames: a Session here, or one in another process (checks.contract.process)."""

    def validate(self, suites: Sequence[str]) -> None:
        """Validate these suites, whose frames lie at `frame_path`."""

    def findings(self) -> list[Finding]:
        """One finding per rule. Builds the Data Docs."""


class EngineError(RuntimeError):
    """An engine in another process has gone, or could not do its work."""


class Opens(Protocol):
    """What opens an engine elsewhere. It may raise EngineError then or later."""

    def session(self, rules: Sequence[Rule], folder: Path, *, docs: bool, run_name: str) -> Engine:
        """An engine over the frames below `folder`."""


class Contract:
    """A context: made with the rows, which an engine elsewhere validates at once, and finished with the figures.

    `records` holds every readable record with the scalar columns record_id, source, source_row, kind,
    n_tokens, quality, outcome and split (null unless released), and a boolean column per check, true
    where it passes; null has not passed, unless the check is about some records only. `checks` carry the
    severities in force. Data Docs are written to `docs`, which is replaced whole; None writes none.
    A column that is missing makes its expectations `not_evaluated`; nothing here raises for bad data.
    Without `elsewhere`, or where that fails, everything is validated here, in `finish`.
    """

    def __init__(
        self,
        records: pl.DataFrame,
        *,
        checks: Sequence[Check],
        policy: Policy,
        docs: Path | None,
        run_name: str,
        elsewhere: Opens | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="assay-contract-")
        self._folder = Path(self._temporary.name)
        self._docs, self._run_name = docs, run_name
        rules = contract_rules(checks, policy)
        frames = row_frames(records, checks=checks, rules=rules)
        self._rules = unconditional(rules, frames)
        self._suites = list(dict.fromkeys(rule.suite for rule in rules))
        frame_path(self._folder, POLICY).parent.mkdir()
        for suite, frame in frames.items():
            frame.write_parquet(frame_path(self._folder, suite))
        self._elsewhere = self._begun(elsewhere)

    def __enter__(self) -> "Contract":
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def finish(self, figures: Mapping[str, object]) -> Expectations:
        """Validate the figures too, judge everything and write the Data Docs.

        `figures` is the report so far, nested or with dotted keys: a demanded figure that is null or
        missing fails. Results come in the order release, ledger, policy.
        """
        figures_frame(figures, self._rules).write_parquet(frame_path(self._folder, POLICY))
        expectations = judge(self._rules, self._findings())
        if self._docs:
            hidden = f"{frame_path(self._folder, POLICY).parent}{os.sep}"
            publish(self._folder / "site", self._docs, expectations, run_name=self._run_name, hidden=hidden)
        return expectations

    def _arguments(self) -> dict[str, Any]:
        return {"docs": self._docs is not None, "run_name": self._run_name}

    def _begun(self, elsewhere: Opens | None) -> Engine | None:
        """The rows on their way to be validated; None where nothing takes them."""
        if elsewhere is None:
            return None
        try:
            engine = elsewhere.session(self._rules, self._folder, **self._arguments())
            engine.validate([suite for suite in self._suites if suite != POLICY])
        except EngineError:
            return None
        return engine

    def _findings(self) -> list[Finding]:
        if self._elsewhere is not None:
            try:
                if POLICY in self._suites:
                    self._elsewhere.validate([POLICY])
                return self._elsewhere.findings()
            except EngineError:
                pass  # what went wrong there is seen, or does not happen, here
        here = Session(self._rules, self._folder, **self._arguments())
        here.validate(self._suites)
        return here.findings()
