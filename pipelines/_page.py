"""report.html: the report as one page that needs no network and no second file.

Its one script sorts tables and tells of the map; without it all of the page stands there. The template
asks eleven questions in a fixed order; what it shows is prepared here, so that it holds no arithmetic. Autoescape
is on and every string, from the data or not, passes `visible` on its way.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from annotation.spending import money
from pipelines import (
    _breadth,
    _differences,
    _licenses_told,
    _marks,
    _pictures,
    _shown,
    _thresholds,
    _trend,
    _view,
    _whereabouts,
    _window,
    _work_done,
)
from pipelines._squares import squares
from pipelines._templates import TEMPLATES, environment
from pipelines._workspace import save_text
from schemas.report import Report

if TYPE_CHECKING:
    from jinja2 import Environment


SECTIONS = {
    "verdict": "May I train on this?",
    "rows": "Where did my rows go?",
    "problems": "What is wrong with what I have?",
    "diversity": "Is it diverse?",
    "length": "How long, how good, in what language?",
    "people": "What did people say, and what did it cost?",
    "splits": "Are the splits sealed?",
    "exports": "What can my trainer read?",
    "advice": "Should I finetune on it?",
    "contract": "Does the dataset keep its contract?",
    "run": "What was this run?",
}
"""The page's headings by their anchor, in order."""

# Four maps of 50,000 rows take half of it. What is beyond is slow to open from a mail or a phone, so that examples
# are thinned out until the page fits.
PAGE_BYTES = 1_600_000
DETAIL = ((5, 420), (3, 240), (2, 160), (1, 100), (0, 0))
"""Examples a check and characters a text, from the fullest page to the barest."""

# What a table shows before it refers to report.json.
MOST_ROWS = 200


def render_page(report: Report, *, map_points: pl.DataFrame | None = None) -> str:
    """The page for `report`, well below 2 MB whatever the data holds.

    `map_points` has x, y (floats), cluster (int) and outcome (text), one row a point; None or no
    finite point leaves the map out and says so.
    """
    environment = _environment()
    template = environment.get_template("report.html.j2")
    drawn = {"maps": _view.maps(report, map_points), "squares": _squares_of(report, map_points), **_script()}
    page = ""
    for examples, characters in DETAIL:
        page = template.render(_context(report, examples, characters) | drawn)
        if len(page.encode("utf-8")) <= PAGE_BYTES:
            break
    return page


def write_page(report: Report, out: Path, *, map_points: pl.DataFrame | None = None) -> Path:
    """Write the page to `out`, so that no half page is ever seen."""
    return save_text(render_page(report, map_points=map_points), out)


@cache
def _environment() -> "Environment":
    """With the templates that it has compiled: a process may write many pages."""
    page = environment(autoescape=True, finalize=_finalize)
    shown = (
        _differences.against,
        _marks.highlighted,
        _pictures.bar,
        _licenses_told.demands_told,
        money.show,
        _view.observed,
        _shown.count,
        _shown.excerpt,
        _shown.figure,
        _shown.mebibytes,
        _shown.one_line,
        _shown.plural,
        _shown.seconds,
        _shown.share,
        _shown.similarity,
        _shown.size,
        _shown.tail,
    )
    page.filters.update({function.__name__: function for function in shown})
    return page


def _finalize(value: Any) -> Any:
    """The last hand on everything the template prints: null says so, and text shows its controls."""
    if value is None:
        return _shown.NOT_MEASURED
    return _shown.visible(value) if type(value) is str else value


def _context(report: Report, examples: int, characters: int) -> dict[str, Any]:
    return {
        "report": report,
        "sections": SECTIONS,
        "outcomes": _whereabouts.OUTCOMES,
        "characters": characters,
        "most": examples,
        "most_rows": MOST_ROWS,
        "css": _style(),
        "demands": _view.demand_rows(report),
        "no_advice": _licenses_told.NO_ADVICE,
        "calibrated": _thresholds.calibrated_lines(report),
        "flow": _whereabouts.flow_picture(report),
        "folder": _whereabouts.shared_folder([source.source for source in report.sources.files]),
        "reasons": _whereabouts.reasons(report),
        "moved": _trend.headlines(report),
        "families": _view.families(report, examples),
        "duplicates": _view.duplicate_pictures(report.duplicates),
        "breadth": _breadth.breadth(report),
        "diversity": _view.diversity_pictures(report),
        "tokens": _view.spread_pictures(report.tokens, "tokens in a row", "Rows by length in tokens"),
        "quality": _view.spread_pictures(report.quality, "quality score", "Rows by quality score"),
        "toxicity": report.toxicity and _view.spread_pictures(report.toxicity, "toxicity score", "Rows by toxicity"),
        "window": _window.window(report),
        "trained": _view.trained_rows(report.training),
        "difficulty": _view.difficulty_pictures(report),
        "languages": _view.language_bars(report),
        "splits": _view.split_strip(report),
        "asked_split": report.run.settings.get("split"),
        "work": _work_done.work_done(report),
        "settings": _view.flattened(report.run.settings)[:MOST_ROWS],
        "results": sorted(report.expectations.results, key=lambda result: (result.success, result.suite)),
    }


def _squares_of(report: Report, points: pl.DataFrame | None) -> Any:
    """What the script tells of the map; null where there is none."""
    return None if points is None else squares(points, _view.cluster_names(report, points))


def _script() -> dict[str, Any]:
    """The page's own script, and the digest by which a browser runs it and no other."""
    from markupsafe import Markup

    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return {"script": Markup(script), "digest": b64encode(sha256(script.encode()).digest()).decode()}


def _style() -> Any:
    from markupsafe import Markup

    return Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
