"""The registry and the policy as Great Expectations suites: the only file importing great_expectations.

Each suite is validated by a Checkpoint with GX's pandas engine in one ephemeral context, from a Parquet
file of scalar columns, so that GX never sees a text. What the suites demand stands in
`checks.contract.rules`; in which order and in which process they run, in `checks.contract.run`; how the
Data Docs are made to work without a network, in `checks.contract.data_docs`.
"""

import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from importlib.machinery import ModuleSpec
from importlib.util import LazyLoader, find_spec
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from checks.contract.rules import POLICY, Finding, Rule

# Enough to look at with `assay explain`, few enough to read in one line.
SHOWN_IDS = 3
# GX's messages can hold a whole list of column names.
ERROR_CHARACTERS = 300

_SITE = "site"

# Half of the time of importing GX is these two: one for an expectation about distributions, one for charts.
_NEVER_USED = frozenset({"scipy.stats", "altair"})


class _Library(NamedTuple):
    """The parts of Great Expectations that are used here."""

    gx: Any
    expectation: Any
    column: Any
    configuration: Any
    run_identifier: Any


def frame_path(folder: Path, suite: str) -> Path:
    """Where a Session below `folder` finds the frame of a suite."""
    return folder / "frames" / f"{suite}.parquet"


class Session:
    """Great Expectations over the frames below `folder`, suite after suite; results are kept until `findings`."""

    def __init__(self, rules: Sequence[Rule], folder: Path, *, docs: bool, run_name: str) -> None:
        self._library = library()
        self._rules, self._folder, self._docs = rules, folder, docs
        self._context = self._library.gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        if docs:
            self._context.add_data_docs_site("local", _site(self.site))
        self._source = self._context.data_sources.add_pandas("assay")
        # One run of several Checkpoints: their pages stand in one folder.
        self._run = self._library.run_identifier(run_name=_file_name(run_name), run_time=datetime.now(UTC))
        self._found: dict[int, Any] = {}

    @property
    def site(self) -> Path:
        """Where GX writes its Data Docs."""
        return self._folder / _SITE

    def validate(self, suites: Sequence[str]) -> None:
        """Validate these suites, whose frames must lie at `frame_path`."""
        checkpoint = self._library.gx.Checkpoint(
            name="-".join(suites),
            validation_definitions=[self._definition(suite) for suite in suites],
            actions=[],
            # Counts, and at most 20 failing values: COMPLETE would copy every failing row into the result.
            result_format={"result_format": "SUMMARY"},
        )
        added = self._context.checkpoints.add(checkpoint)
        with _configured_once(self._library.expectation), _fingerprinted_by_column():
            outcome = added.run(run_id=self._run)
        results = [result for suite in outcome.run_results.values() for result in suite.results]
        # GX groups results by column; the rule's number in `meta` is what survives.
        self._found |= {result.expectation_config.meta["rule"]: result for result in results}

    def findings(self) -> list[Finding]:
        """One finding per rule, in the rules' order; the Data Docs are built, once, from all suites.

        An action of each Checkpoint would build them again for every suite. Our own index stands for GX's.
        """
        if self._docs:
            self._context.build_data_docs(site_names=["local"], build_index=False)
        frames = {
            suite: pl.scan_parquet(frame_path(self._folder, suite)) for suite in {rule.suite for rule in self._rules}
        }
        return [_finding(rule, self._found.get(at), frames[rule.suite]) for at, rule in enumerate(self._rules)]

    def _definition(self, suite: str) -> Any:
        """A validation definition over a file of its own: a Checkpoint hands one frame in memory to all its suites."""
        asset = self._source.add_parquet_asset(suite, path=frame_path(self._folder, suite))
        batch = asset.add_batch_definition_whole_dataframe("all")
        expectations = [
            _expectation(self._library, rule, at) for at, rule in enumerate(self._rules) if rule.suite == suite
        ]
        stored = self._context.suites.add(self._library.gx.ExpectationSuite(name=suite, expectations=expectations))
        definition = self._library.gx.ValidationDefinition(name=suite, data=batch, suite=stored)
        return self._context.validation_definitions.add(definition)


def library() -> _Library:
    """Great Expectations, without its telemetry and without the warning that its import raises."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings(), _imported_when_used(_NEVER_USED):
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations as gx
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.expectations.expectation import Expectation
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
        from great_expectations.expectations.row_conditions import Column
    # This module raises its own level to INFO and tells of temporary folders on stderr.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    return _Library(gx, Expectation, Column, ExpectationConfiguration, RunIdentifier)


@contextmanager
def _imported_when_used(names: frozenset[str]) -> Iterator[None]:
    """Within it, an import of these modules runs none of their code until something of them is looked up."""
    finder = _Later(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def _configured_once(expectation: Any) -> Iterator[None]:
    """Within it, each expectation works out its configuration once.

    GX asks a hundred times for what follows from fields that a run does not change: a third of a session's time.
    """
    asked = expectation.configuration
    # The expectation stays beside its answer, or another one could come to have its id.
    known: dict[int, tuple[Any, Any]] = {}

    def configuration(self: Any) -> Any:
        if id(self) not in known:
            known[id(self)] = self, asked.fget(self)
        return known[id(self)][1]

    expectation.configuration = property(configuration)
    try:
        yield
    finally:
        expectation.configuration = asked


@contextmanager
def _fingerprinted_by_column() -> Iterator[None]:
    """Within it, the fingerprint of a frame, which Data Docs show, is a digest of its columns as they lie in memory.

    GX hashes every value as an object: of a million rows for 4 seconds, and 0.4 GiB above what validating them takes.
    """
    from great_expectations.execution_engine import pandas_execution_engine as engine

    before = engine.hash_pandas_dataframe
    engine.hash_pandas_dataframe = _fingerprint
    try:
        yield
    finally:
        engine.hash_pandas_dataframe = before


def _fingerprint(frame: Any) -> str:
    import pyarrow as pa

    digest = sha256()
    for column in frame:
        told = pa.array(frame[column], from_pandas=True)
        digest.update(f"{column}: {told.type}".encode())
        for chunk in told.chunks if isinstance(told, pa.ChunkedArray) else [told]:
            for buffer in filter(None, chunk.buffers()):
                digest.update(buffer)
    return digest.hexdigest()


class _Later:
    """A finder that hands out the module another finder has, to be executed when it is first used."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names, self._asked = names, False

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name not in self._names or self._asked:
            return None
        self._asked = True
        try:
            spec = find_spec(name)
        finally:
            self._asked = False
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _expectation(library: _Library, rule: Rule, at: int) -> Any:
    arguments = dict(rule.arguments)
    if rule.where:
        column = library.column(rule.where.column)
        values = list(rule.where.values)
        arguments["row_condition"] = column.is_in(values) if rule.where.among else column.is_not_in(values)
    return library.configuration(
        type=rule.expectation,
        kwargs=arguments,
        meta={"rule": at},
        severity=rule.severity,
        # GX puts the description into its pages as it stands.
        description=escape(f"{rule.sentence} ({rule.severity})."),
    ).to_domain_obj()


def _finding(rule: Rule, result: Any, frame: pl.LazyFrame) -> Finding:
    """What GX found, in our words. No result, like an exception, is an error and never a pass."""
    if result is None:
        return Finding(success=False, error="Great Expectations returned no result for this expectation")
    error = _error(result.exception_info)
    if error:
        return Finding(success=False, error=error)
    found = result.result or {}
    unexpected = found.get("unexpected_count") if "element_count" in found else None
    return Finding(success=bool(result.success), observed=_observed(rule, found, frame), unexpected=unexpected)


def _error(info: Mapping[str, Any] | None) -> str | None:
    """The message of the first exception raised; GX keeps one flat, or one per metric."""
    shapes = [info or {}, *(part for part in (info or {}).values() if isinstance(part, Mapping))]
    raised = [shape for shape in shapes if shape.get("raised_exception")]
    if not raised:
        return None
    message = " ".join(str(raised[0].get("exception_message") or "no message").split())
    return message.removeprefix("Error: ").replace(" in BatchData", "")[:ERROR_CHARACTERS]


def _observed(rule: Rule, found: Mapping[str, Any], frame: pl.LazyFrame) -> str | None:
    if rule.suite == POLICY:
        value = frame.select(rule.column).collect().item() if rule.column else None
        return "null" if value is None else str(value)
    if "element_count" not in found:
        observed = found.get("observed_value")
        return None if observed is None else f"{observed} rows"
    failed, looked_at = found["unexpected_count"], found["element_count"]
    return f"{failed} of {looked_at} rows fail{_examples(found, frame)}"


def _examples(found: Mapping[str, Any], frame: pl.LazyFrame) -> str:
    """The first failing record_ids. GX answers with positions in the frame it read."""
    positions = (found.get("partial_unexpected_index_list") or [])[:SHOWN_IDS]
    if not positions or "record_id" not in frame.collect_schema():
        return ""
    ids = frame.select(pl.col("record_id").gather([int(position) for position in positions])).collect().to_series()
    return f", for example {', '.join(str(name)[:12] for name in ids)}"


def _file_name(run_name: str) -> str:
    """`run_name` as one harmless folder name: it becomes a part of the Data Docs' paths."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", run_name).strip("-") or "run"
