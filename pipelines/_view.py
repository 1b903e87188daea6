"""What the page shows, prepared: rows for its tables and the pictures beside them."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

import polars as pl

from pipelines import _pictures, _plots, _shown
from pipelines._map import Map, cluster_map, outcome_map, quality_map, source_map
from pipelines._pictures import Bar
from pipelines._plots import Mark
from pipelines._released import is_released
from pipelines._trend import Change, of_check
from pipelines._whereabouts import short_names
from schemas.outcome import SPLITS
from schemas.report import CheckFigures, DemandResult, Duplicates, Example, Report, Spread, Training, VerbObject

# What a reader takes in; report.json has all.
MOST_CLUSTERS = 12
MOST_LANGUAGES = 10
MOST_VERBS = 12

_FIRST_NAMED = ("median", "5%", "95%")
_QUANTILE_NAMES = {"0.05": "5%", "0.25": "25%", "0.5": "median", "0.75": "75%", "0.95": "95%"}


class DemandRow(NamedTuple):
    figure: str
    measured: str
    requirement: str
    margin: str
    status: str  # pass, fail or warn: a class and a word
    why: str


class CheckRow(NamedTuple):
    name: str
    figures: CheckFigures
    bar: str
    examples: list[Example]
    change: Change | None  # since the release before this one


class FamilyRows(NamedTuple):
    name: str
    found: list[CheckRow]  # most failures first
    silent: list[tuple[str, Change | None]]  # the names of checks that no row failed; what was before, if that differs
    idle: list[str]  # and of those that are about no row of this run


def demand_rows(report: Report) -> list[DemandRow]:
    """The verdict's demands, what failed first; empty when nothing judged the run."""
    if report.gate is None:
        return []
    rows = [_demand_row(demand) for demand in report.gate.demands]
    return sorted(rows, key=lambda row: ("fail", "warn", "pass").index(row.status))


def _demand_row(demand: DemandResult) -> DemandRow:
    measured = "could not be measured: not passed" if demand.measured is None else _shown.figure(demand.measured)
    margin = "" if demand.margin is None else ("+" if demand.margin > 0 else "") + _shown.figure(demand.margin)
    passed = demand.passed and demand.measured is not None
    status = ("warn" if demand.close else "pass") if passed else "fail" if demand.severity == "fail" else "warn"
    return DemandRow(demand.name, measured, demand.requirement, margin, status, demand.why or "")


def families(report: Report, examples: int) -> list[FamilyRows]:
    checks = [figures for family in report.checks.families.values() for figures in family.values()]
    most = max((figures.failed for figures in checks), default=0)
    families = []
    for name, members in report.checks.families.items():
        found = [
            CheckRow(check, figures, _pictures.bar(figures.failed / most, f"s-{figures.severity}"),
                     figures.examples[:examples], of_check(report, f"{name}.{check}", figures))
            for check, figures in sorted(members.items(), key=lambda item: (-item[1].failed, item[0]))
            if figures.failed
        ]  # fmt: skip
        rest = {check: figures for check, figures in members.items() if not figures.failed}
        idle = [check for check, figures in rest.items() if figures.applied == 0]
        silent = [
            (check, _if_any(of_check(report, f"{name}.{check}", rest[check]))) for check in rest if check not in idle
        ]
        families.append(FamilyRows(name, found, silent, idle))
    return sorted(families, key=lambda family: -sum(row.figures.failed for row in family.found))


def _if_any(change: Change | None) -> Change | None:
    return change if change and change.css != "same" else None


def duplicate_pictures(duplicates: Duplicates) -> dict[str, str]:
    threshold = duplicates.semantic.threshold
    marks = [] if threshold is None else [Mark("removed from here", threshold)]
    return {
        "similarities": _plots.histogram(
            duplicates.similarities,
            unit="similarity of a pair of prompts",
            alt="Pairs of prompts by similarity",
            marks=marks,
        ),
        "removed_at": _plots.curve(
            removal_points(duplicates.removed_at),
            unit="min_similarity",
            alt="Rows the semantic stage would remove, by min_similarity",
            marks=[] if threshold is None else [Mark("this run", threshold)],
        ),
    }


def removal_points(removed_at: Mapping[str, int]) -> list[tuple[float, float]]:
    """`removed_at` in the order of its thresholds.

    >>> removal_points({"0.95": 3, "0.9": 10})
    [(0.9, 10.0), (0.95, 3.0)]
    """
    return sorted((float(threshold), float(rows)) for threshold, rows in removed_at.items())


def diversity_pictures(report: Report) -> dict[str, Any]:
    diversity = report.diversity
    named = list(
        zip(diversity.cluster_sizes, [*diversity.cluster_terms, *[""] * len(diversity.cluster_sizes)], strict=False)
    )
    clusters = [
        Bar(_shown.one_line(terms, 90) or f"cluster {at}", size, _shown.count(size))
        for at, (size, terms) in enumerate(named[:MOST_CLUSTERS], start=1)
    ]
    vendi = [
        Bar(name, score, f"{score:,.1f}", css)
        for name, score, css in (
            ("this release", diversity.vendi, "c-main"),
            ("as many rows at random", diversity.vendi_random, "c-other"),
        )
        if score is not None
    ]
    return {
        "clusters": _pictures.bars(clusters, "Largest clusters by rows"),
        "clusters_left": len(named) - len(clusters),
        "rows_left": sum(size for size, _ in named[MOST_CLUSTERS:]),
        "vendi": _pictures.bars(vendi, "Vendi score beside random"),
        "nearest": _plots.histogram(
            diversity.nearest,
            unit="similarity to the nearest other row",
            alt="Rows by similarity to their nearest other",
        ),
        "verbs": _verb_rows(diversity.verb_objects[:MOST_VERBS]),
    }


def _verb_rows(pairs: list[VerbObject]) -> list[tuple[VerbObject, str]]:
    most = max((pair.count for pair in pairs), default=0)
    return [(pair, _pictures.bar(pair.count / most if most else 0)) for pair in pairs]


def spread_pictures(spread: Spread, unit: str, alt: str) -> dict[str, Any]:
    ordered = sorted(spread.quantiles.items(), key=lambda item: float(item[0]))
    quantiles = [(_QUANTILE_NAMES.get(key, f"{float(key):.0%}"), value) for key, value in ordered]
    # The median's name is worth most and is placed first, then those of the ends.
    marks = [Mark(name, value) for name, value in sorted(quantiles, key=_rank)]
    return {
        "spread": spread,
        "picture": _plots.histogram(spread.histogram, unit=unit, alt=alt, marks=marks),
        "quantiles": quantiles,
    }


def trained_rows(training: Training | None) -> list[tuple[str, str, int, int]]:
    """What a trainer makes of the rows: a name, what it means, of all readable rows, of the released ones."""
    if training is None:
        return []
    all_rows, released = training.readable, training.released
    return [
        (name, meaning, getattr(all_rows, field), getattr(released, field))
        for name, meaning, field in (
            ("rows", "prepared as the trainer prepares them", "rows"),
            ("not rendered", "the chat template raises, which stops the trainer", "unrendered"),
            ("skipped", "the trainer drops them: nothing it would learn lies within the window", "skipped"),
            ("cut off", "longer than the window", "truncated"),
            ("tokens", "that the trainer gets", "tokens"),
            ("learnt", "tokens that the loss is taken of", "supervised"),
        )
    ]


def difficulty_pictures(report: Report) -> dict[str, Any] | None:
    """Both scores, each in a picture of its own; null where difficulty was not measured."""
    found = report.difficulty
    if found is None:
        return None
    return {
        "loss": spread_pictures(found.ifd_loss_ratio, "ratio of losses", "Rows by ratio of losses"),
        "perplexity": spread_pictures(
            found.ifd_perplexity_ratio, "ratio of perplexities", "Rows by ratio of perplexities"
        ),
    }


def _rank(quantile: tuple[str, float]) -> int:
    return _FIRST_NAMED.index(quantile[0]) if quantile[0] in _FIRST_NAMED else len(_FIRST_NAMED)


def language_bars(report: Report) -> str:
    """The most frequent languages, the others as one bar."""
    ordered = sorted(report.languages.items(), key=lambda item: (-item[1], item[0]))
    total = sum(report.languages.values())
    shown = ordered[:MOST_LANGUAGES]
    rest = sum(rows for _, rows in ordered[MOST_LANGUAGES:])
    if rest:
        shown = [*shown, (f"{len(ordered) - MOST_LANGUAGES} others", rest)]
    return _pictures.bars(
        [Bar(name, rows, f"{_shown.count(rows)} ({_shown.share(rows / total)})") for name, rows in shown if rows],
        "Released rows by language",
    )


def split_strip(report: Report) -> str:
    parts = [(fate.value, getattr(report.splits, fate.value)) for fate in SPLITS]
    return _pictures.strip(
        [Bar(name, part.rows, _shown.count(part.rows), f"o-{name}") for name, part in parts],
        "Released rows by split: " + ", ".join(f"{name} {_shown.count(part.rows)}" for name, part in parts),
    )


class Choice(NamedTuple):
    """One way of colouring the map."""

    name: str  # of one word: its anchor too
    note: str
    map: Map


def maps(report: Report, points: pl.DataFrame | None) -> list[Choice]:
    """Every way of colouring the map that the points allow; empty without a point that has a place."""
    if points is None:
        return []
    read = [source.source for source in report.sources.files if source.status == "read"]
    names = {source: _shown.tail(name, 40) for source, name in zip(read, short_names(read), strict=True)}
    drawn = (
        ("cluster", "The largest clusters have a colour each.", cluster_map(points, cluster_names(report, points))),
        ("source", "Where the rows came from.", source_map(points, names)),
        ("outcome", "Where rows were taken out.", outcome_map(points)),
        ("quality", "By quarters of the quality score; the lowest lie on top.", quality_map(points)),
    )
    return [Choice(name, note, picture) for name, note, picture in drawn if picture]


def cluster_names(report: Report, points: pl.DataFrame) -> dict[int, str]:
    """The words of each cluster, where the map's numbers are those of the report: by rank, from 0.

    A map that counts its clusters otherwise gets none, because a wrong name is worse than a number.
    """
    counted = dict(points.filter(pl.col("cluster") >= 0).group_by("cluster").len().iter_rows())
    kept = points.filter(pl.col("cluster") >= 0, is_released())
    released = dict(kept.group_by("cluster").len().iter_rows())
    sizes = dict(enumerate(report.diversity.cluster_sizes))
    if sizes not in (counted, released):
        return {}
    return {at: _shown.one_line(terms, 80) for at, terms in enumerate(report.diversity.cluster_terms) if terms.strip()}


def observed(text: str) -> str:
    """What an expectation saw: a number as the page shows numbers, anything else as it stands.

    >>> observed("0.02956989247311828"), observed("0 of 361 rows fail")
    ('0.02957', '0 of 361 rows fail')
    """
    try:
        number = float(text)
    except ValueError:
        return text
    return _shown.figure(number) if isfinite(number) else text


def flattened(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted keys and values, in their order.

    >>> flattened({"seed": 1, "dedup": {"model": "builtin"}})
    [('seed', '1'), ('dedup.model', 'builtin')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            rows += flattened(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", "not set" if value is None else _shown.one_line(str(value), 200)))
    return rows
