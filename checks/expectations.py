"""The registry and the policy as Great Expectations suites: the only file importing great_expectations.

One Checkpoint validates three suites with GX's pandas engine in an ephemeral context, each from a
Parquet file of scalar columns, so that GX never sees a text. What the suites demand stands in
`checks._contract`; how the Data Docs are made to work without a network, in `checks._data_docs`.
"""

import logging
import os
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from checks._contract import POLICY, Finding, Rule, contract_rules, judge
from checks._contract_frames import contract_frames
from checks._data_docs import publish
from checks.registry import Check
from schemas.policy import Policy
from schemas.report import Expectations

# Enough to look at with `assay explain`, few enough to read in one line.
SHOWN_IDS = 3
# GX's messages can hold a whole list of column names.
ERROR_CHARACTERS = 300

_FRAMES, _SITE = "frames", "site"


class _Library(NamedTuple):
    """The parts of Great Expectations that are used here."""

    gx: Any
    column: Any
    configuration: Any
    run_identifier: Any


def run_contract(
    records: pl.DataFrame,
    figures: Mapping[str, object],
    *,
    checks: Sequence[Check],
    policy: Policy,
    docs: Path | None,
    run_name: str,
) -> Expectations:
    """Validate the released rows, all readable rows and the report's figures; write Data Docs to `docs`.

    `records` holds every readable record with the scalar columns record_id, source, source_row, kind,
    n_tokens, quality, outcome and split (null unless released), and a boolean column per check, true
    where it passes; null has not passed. `checks` carry the severities in force. `figures` is the
    report so far, nested or with dotted keys: a demanded figure that is null or missing fails.
    Results come in the order release, ledger, policy. `docs` is replaced whole; None writes none.
    A column that is missing makes its expectations `not_evaluated`; nothing here raises for bad data.
    """
    rules = contract_rules(checks, policy)
    frames = contract_frames(records, figures, checks=checks, rules=rules)
    with tempfile.TemporaryDirectory(prefix="assay-contract-") as folder:
        site = Path(folder) / _SITE
        findings = _validate(rules, frames, Path(folder) / _FRAMES, site if docs else None, _file_name(run_name))
        expectations = judge(rules, findings)
        if docs:
            publish(site, docs, expectations, run_name=run_name, hidden=f"{Path(folder) / _FRAMES}{os.sep}")
    return expectations


def _library() -> _Library:
    """Great Expectations, without its telemetry and without the warning that its import raises."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations as gx
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
        from great_expectations.expectations.row_conditions import Column
    # This module raises its own level to INFO and tells of temporary folders on stderr.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    return _Library(gx, Column, ExpectationConfiguration, RunIdentifier)


def _validate(
    rules: Sequence[Rule], frames: Mapping[str, pl.DataFrame], folder: Path, site: Path | None, run_name: str
) -> list[Finding]:
    """One finding per rule, in the rules' order."""
    library = _library()
    context = library.gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    if site:
        context.add_data_docs_site("local", _site(site))
    checkpoint = library.gx.Checkpoint(
        name="contract",
        validation_definitions=_definitions(library, context, rules, frames, folder),
        actions=[library.gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=["local"])] if site else [],
        # Counts, and at most 20 failing values: COMPLETE would copy every failing row into the result.
        result_format={"result_format": "SUMMARY"},
    )
    outcome = context.checkpoints.add(checkpoint).run(run_id=library.run_identifier(run_name=run_name))
    results = [result for suite in outcome.run_results.values() for result in suite.results]
    # GX groups results by column; the rule's number in `meta` is what survives.
    by_rule = {result.expectation_config.meta["rule"]: result for result in results}
    return [_finding(rule, by_rule.get(at), frames[rule.suite]) for at, rule in enumerate(rules)]


def _definitions(
    library: _Library, context: Any, rules: Sequence[Rule], frames: Mapping[str, pl.DataFrame], folder: Path
) -> list[Any]:
    """A validation definition per suite, each over a file of its own.

    Files, because a Checkpoint hands one and the same frame in memory to all its suites.
    """
    source = context.data_sources.add_pandas("assay")
    folder.mkdir()
    definitions = []
    for suite in dict.fromkeys(rule.suite for rule in rules):
        path = folder / f"{suite}.parquet"
        frames[suite].write_parquet(path)
        batch = source.add_parquet_asset(suite, path=path).add_batch_definition_whole_dataframe("all")
        expectations = [_expectation(library, rule, at) for at, rule in enumerate(rules) if rule.suite == suite]
        stored = context.suites.add(library.gx.ExpectationSuite(name=suite, expectations=expectations))
        definition = library.gx.ValidationDefinition(name=suite, data=batch, suite=stored)
        definitions.append(context.validation_definitions.add(definition))
    return definitions


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


def _finding(rule: Rule, result: Any, frame: pl.DataFrame) -> Finding:
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


def _observed(rule: Rule, found: Mapping[str, Any], frame: pl.DataFrame) -> str | None:
    if rule.suite == POLICY:
        value = frame[rule.column].item() if rule.column else None
        return "null" if value is None else str(value)
    if "element_count" not in found:
        observed = found.get("observed_value")
        return None if observed is None else f"{observed} rows"
    failed, looked_at = found["unexpected_count"], found["element_count"]
    return f"{failed} of {looked_at} rows fail{_examples(found, frame)}"


def _examples(found: Mapping[str, Any], frame: pl.DataFrame) -> str:
    """The first failing record_ids. GX answers with positions in the frame it read."""
    positions = (found.get("partial_unexpected_index_list") or [])[:SHOWN_IDS]
    if not positions or "record_id" not in frame.columns:
        return ""
    ids = [frame["record_id"][int(position)] for position in positions]
    return f", for example {', '.join(str(name)[:12] for name in ids)}"


def _file_name(run_name: str) -> str:
    """`run_name` as one harmless folder name: it becomes a part of the Data Docs' paths."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", run_name).strip("-") or "run"
