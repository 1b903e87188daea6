"""Great Expectations' Data Docs, made to be read without a network.

As GX writes them the pages load 15 scripts and styles from six hosts and a logo that tells a
server which page was opened; without them the index is empty. Here each page is parsed and written
again from an allow-list: no scripts, no images, no addresses beyond the site's own pages, one
stylesheet of ours inside, collapsible parts as <details>. GX fills its templates without escaping,
so the allow-list also keeps markup that came with the data from acting. A content security policy
in every page forbids whatever might be left.
"""

import os
import shutil
from html import escape
from pathlib import Path
from typing import NamedTuple

from checks.contract.offline_html import ICONS, offline_page, page
from schemas.report import ExpectationResult, Expectations

INDEX = "index.html"

_COVERS = {
    "release": "what every released row holds",
    "ledger": "what every readable row holds",
    "policy": "the gate's demands on the report's figures",
}


class _Pages(NamedTuple):
    """A suite's two pages, as links from the index."""

    suite: str | None
    validation: str | None


def publish(site: Path, docs: Path, expectations: Expectations, *, run_name: str, hidden: str) -> None:
    """Write the site that GX built in `site` to `docs`, offline. `hidden` is cut from every text.

    The pages are made beside `docs` and renamed, so that `docs` is whole or absent.
    """
    docs.parent.mkdir(parents=True, exist_ok=True)
    made = docs.parent / f".{docs.name}.{os.getpid()}.tmp"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    for built in sorted(site.rglob("*.html")):
        name = built.relative_to(site)
        if name.parts[0] in ("expectations", "validations"):
            target = made / name
            target.parent.mkdir(parents=True, exist_ok=True)
            suite = name.stem if name.parts[0] == "expectations" else name.parts[1]
            html = offline_page(built.read_text(encoding="utf-8"), note=_note(expectations, suite), hidden=hidden)
            target.write_text(html, encoding="utf-8")
    (made / INDEX).write_text(index_page(expectations, _pages(made), run_name=run_name), encoding="utf-8")
    shutil.rmtree(docs, ignore_errors=True)
    made.rename(docs)


def index_page(expectations: Expectations, pages: dict[str, _Pages], *, run_name: str) -> str:
    """The site's front page: each suite with its verdict and links, then every expectation."""
    suites = dict.fromkeys(result.suite for result in expectations.results)
    rows = "".join(
        _suite_row(suite, [r for r in expectations.results if r.suite == suite], pages.get(suite, _Pages(None, None)))
        for suite in suites
    )
    broken = [result for result in expectations.results if not result.success]
    body = f"<h1>Data Docs</h1><p>Run {escape(run_name)}</p><p class='verdict'>{_verdict(expectations)}</p>"
    body += f"<table><tr><th>Suite</th><th>Covers</th><th>Result</th><th>Pages</th></tr>{rows}</table>"
    if broken:
        body += f"<h2>What does not hold</h2>{_results_table(broken)}"
    body += f"<details><summary>All {len(expectations.results)} expectations</summary>"
    body += f"{_results_table(expectations.results)}</details>"
    return page("Data Docs", body)


def _pages(site: Path) -> dict[str, _Pages]:
    suites = {one.stem: one.relative_to(site).as_posix() for one in (site / "expectations").glob("*.html")}
    runs = {
        one.relative_to(site).parts[1]: one.relative_to(site).as_posix()
        for one in site.glob("validations/*/*/*/*.html")
    }
    return {name: _Pages(suites.get(name), runs.get(name)) for name in sorted({*suites, *runs})}


def _suite_row(suite: str, results: list[ExpectationResult], pages: _Pages) -> str:
    links = [("results", pages.validation), ("expectations", pages.suite)]
    shown = " · ".join(f'<a href="{escape(to)}">{label}</a>' for label, to in links if to)
    return (
        f"<tr><td>{escape(suite)}</td><td>{_COVERS.get(suite, '')}</td><td>{_counts(results)}</td><td>{shown}</td></tr>"
    )


def _counts(results: list[ExpectationResult]) -> str:
    """`✔ holds` or `✘ broken`, and how many of what."""
    silent = sum(result.error is not None for result in results)
    failed = [result.severity for result in results if not result.success and result.error is None]
    counted = [
        (failed.count("critical"), "critical"),
        (failed.count("warning"), "warning"),
        (failed.count("info"), "info"),
    ]
    parts = [f"{number} {name} failed" for number, name in counted if number]
    parts += [f"{silent} not evaluated"] if silent else []
    mark = '<span class="bad">✘ broken</span>' if silent or "critical" in failed else '<span class="ok">✔ holds</span>'
    return f"{mark} <small>{len(results)} expectations{', ' if parts else ''}{', '.join(parts)}</small>"


def _verdict(expectations: Expectations) -> str:
    return f"The dataset's contract: {_counts(expectations.results)}"


def _note(expectations: Expectations, suite: str) -> str:
    results = [result for result in expectations.results if result.suite == suite]
    return (
        f'<p class="verdict">Suite {escape(suite)}: {_counts(results)}<br><small>Great Expectations calls a page '
        "failed as soon as one expectation of any severity fails. Only critical ones, and those that could not be "
        "evaluated, break the contract.</small></p>"
    )


def _results_table(results: list[ExpectationResult]) -> str:
    head = "<tr><th></th><th>Expectation</th><th>Severity</th><th>Suite</th><th>Observed</th></tr>"
    return f"<table>{head}{''.join(map(_result_row, results))}</table>"


def _result_row(result: ExpectationResult) -> str:
    icon = "fa-exclamation-triangle" if result.error else "fa-check-circle" if result.success else "fa-times"
    style, mark, word = ICONS[icon]
    cells = [result.sentence, result.severity, result.suite, result.error or result.observed or ""]
    return (
        f'<tr><td class="{style}">{mark} {word}</td>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    )
