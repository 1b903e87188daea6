"""Two releases side by side: settings, what else rows follow from, figures, the gate's demands, reasons."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipelines._surroundings import UNPROVEN
from pipelines.gate import figures_of, lookup
from schemas.diff import Attribution, Cause, Demand, Figure, Gate, Reason, Setting, Value
from schemas.errors import PolicyError
from schemas.manifest import Manifest
from schemas.report import DemandResult, Report

# Settings that no row's outcome follows from: what is written of the released rows, and how they are judged.
_AFTERWARDS = ("calibration", "export", "policy")
# What a digest of the surroundings is about, and the settings that name it: where these differ, they are the cause.
_NAMED_BY = {
    "benchmark": ("contamination.against",),
    "previous": ("split.previous",),
    "target": ("training.target",),
    "model": ("dedup.model",),
    "difficulty": ("difficulty.model", "difficulty.measure"),
}
# Characters of a digest that tell two apart.
_DIGEST = 12
# Not figures of the data: what ran, lists of what was found, what was there before, and what follows from the rest.
_NO_FIGURES = ("run", "sources", "expectations", "previous", "advice")


def settings_that_differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Setting]:
    """Every setting by its dotted key whose values differ, those that rows follow from first."""
    a, b = _flat(before), _flat(after)
    keys = sorted(a.keys() | b.keys(), key=lambda key: (_is_afterwards(key), key))
    return [Setting(key=key, before=a.get(key), after=b.get(key)) for key in keys if a.get(key) != b.get(key)]


def _is_afterwards(key: str) -> bool:
    return key.split(".")[0] in _AFTERWARDS


def _flat(nested: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in nested.items():
        key = f"{above}.{name}" if above else name
        found |= _flat(value, key) if isinstance(value, Mapping) else {key: value}
    return found


def causes(before: Manifest, after: Manifest, names: Mapping[str, str], differing: Sequence[Setting]) -> list[Cause]:
    """What differs beside the settings and may change rows. `names`: what sources after were called before.

    A source without a digest, such as a URL, shows by its rows alone whether it is the same.
    """
    inputs = [
        {names.get(entry.source, entry.source): entry.sha256 for entry in side.inputs} for side in (before, after)
    ]
    known = [{source for source, digest in side.items() if digest is None} for side in inputs]
    return [
        *_differ("source", *({k: v for k, v in side.items() if k not in known[0] | known[1]} for side in inputs)),
        *_differ("version of", before.versions, after.versions, whole=True),
        *_differ("", *(_unexplained(side, differing) for side in (before, after))),
    ]


def _differ(what: str, a: Mapping[str, str | None], b: Mapping[str, str | None], *, whole: bool = False) -> list[Cause]:
    cut = None if whole else _DIGEST
    return [
        Cause(
            what=f"{what} {name}".strip(),
            before=(a.get(name) or "")[:cut] or None,
            after=(b.get(name) or "")[:cut] or None,
        )
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name) or UNPROVEN in (a.get(name), b.get(name))
    ]


def _unexplained(manifest: Manifest, differing: Sequence[Setting]) -> dict[str, str]:
    """Code, machine and the like; not what a setting that differs names anyway."""
    keys = {setting.key for setting in differing}
    return {
        name: digest
        for name, digest in manifest.surroundings.items()
        if not keys & set(_NAMED_BY.get(name.split(" ")[0], ()))
    }


def attribution(changed: int, differing: Sequence[Setting], others: Sequence[Cause]) -> Attribution:
    """One setting's doing, where it alone differs of all that rows follow from."""
    keys = [one.key for one in differing if not _is_afterwards(one.key)]
    things = [cause.what for cause in others]
    if not changed:
        return Attribution(setting=None, why="no row that is in both has another outcome or other reasons")
    if len(keys) == 1 and not things:
        return Attribution(setting=keys[0], why="nothing else differs that rows follow from")
    if not keys and not things:
        return Attribution(setting=None, why="nothing differs that the manifests record")
    if not keys:
        return Attribution(setting=None, why=f"no setting differs that rows follow from, but {_some(things)}")
    if not things:
        return Attribution(setting=None, why=f"{len(keys)} settings differ ({_some(keys)}); change one at a time")
    return Attribution(setting=None, why=f"beside {_some(keys)} there differs {_some(things)}; change one at a time")


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def figures(before: Report, after: Report) -> list[Figure]:
    """Every number and flag of the reports by its path, with the change of numbers."""
    a, b = (_numbers(figures_of(report)) for report in (before, after))
    return [
        Figure(figure=path, before=a.get(path), after=b.get(path), change=_change(a.get(path), b.get(path)))
        for path in dict.fromkeys([*a, *b])
    ]


def _numbers(nested: Mapping[str, Any]) -> dict[str, Value]:
    some = {name: part for name, part in nested.items() if name not in _NO_FIGURES}
    return {path: value for path, value in _flat(some).items() if isinstance(value, bool | int | float)}


def _change(before: Value, after: Value) -> float | None:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (before, after))
    return round(after - before, 6) if numbers else None  # type: ignore[operator]


def gates(before: Report, after: Report) -> Gate:
    """What both gates demanded and measured; a figure that one side alone demands is looked up on the other."""
    a, b = (_demands(report) for report in (before, after))
    here, there = (figures_of(report) for report in (before, after))
    demands = [
        Demand(
            figure=name,
            required_before=a[name].requirement if name in a else None,
            required_after=b[name].requirement if name in b else None,
            before=a[name].measured if name in a else measured(here, name),
            after=b[name].measured if name in b else measured(there, name),
            passed_before=a[name].passed if name in a else None,
            passed_after=b[name].passed if name in b else None,
        )
        for name in dict.fromkeys([*a, *b])
    ]
    passed = [report.gate.passed if report.gate else None for report in (before, after)]
    return Gate(passed_before=passed[0], passed_after=passed[1], demands=demands)


def _demands(report: Report) -> dict[str, DemandResult]:
    return {demand.name: demand for demand in report.gate.demands} if report.gate else {}


def measured(figures: dict[str, Any], figure: str) -> Value:
    """The figure at its path in `figures_of` a report; null where the report has none."""
    try:
        return lookup(figures, figure)
    except PolicyError:
        return None


def reasons(before: pl.DataFrame, after: pl.DataFrame, both: pl.DataFrame) -> list[Reason]:
    """Reasons and notes whose rows differ. `both` has the lists of rows in both, those after with the suffix _b."""
    found = []
    for column, kind in (("reasons", "reason"), ("notes", "note")):
        counts = pl.concat(
            [
                _counted(before[column], "before"),
                _counted(after[column], "after"),
                _counted(both.select(pl.col(f"{column}_b").list.set_difference(column)).to_series(), "appeared"),
                _counted(both.select(pl.col(column).list.set_difference(f"{column}_b")).to_series(), "went"),
            ],
            how="diagonal",
        )
        sums = counts.group_by("reason").agg(pl.col("before", "after", "appeared", "went").sum())
        differ = sums.filter((pl.col("before") != pl.col("after")) | (pl.col("appeared") + pl.col("went") > 0))
        found += [Reason(kind=kind, **row) for row in differ.iter_rows(named=True)]  # type: ignore[arg-type]
    return sorted(found, key=lambda each: (-max(each.appeared + each.went, abs(each.after - each.before)), each.reason))


def _counted(lists: pl.Series, name: str) -> pl.DataFrame:
    """How many rows have each reason; the other three columns are there and null."""
    each = lists.explode(empty_as_null=False).drop_nulls().alias("reason").value_counts(name=name)
    return each.with_columns(
        pl.lit(None, pl.UInt32).alias(other) for other in ("before", "after", "appeared", "went") if other != name
    )
