"""A diff for a person: a screen with what matters first, and rows one by one where they are asked for.

Text from the data has its controls made visible.
"""

from collections.abc import Iterator, Mapping, Sequence

from pipelines._drift import THRESHOLD, THRESHOLD_SOURCE
from pipelines._shown import count, figure, one_line, plural
from schemas.diff import ChangedRow, Demand, Diff, Drift, Figure
from schemas.outcome import SPLITS

# What fits a screen of 24 lines beside the rest.
MOST_SETTINGS = 3
MOST_CAUSES = 3
MOST_MOVES = 6
MOST_REASONS = 5
MOST_DEMANDS = 3
MOST_DRIFTS = 3
# Told where they changed, in this order; all others are in the JSON.
FIGURES = (
    "rows.released", "rows.review_share", "quality.mean", "tokens.mean", "duplicates.exact.removed",
    "duplicates.near.removed", "duplicates.semantic.removed", "duplicates.suspected", "duplicates.conflicts",
    "contamination.removed", "diversity.vendi_share", "diversity.clusters", "toxicity.mean",
    "splits.leakage.linked_across", "checks.failed_released",
)  # fmt: skip

_RELEASED = [fate.value for fate in SPLITS]
ARROW = "→"


def diff_lines(diff: Diff) -> list[str]:
    """At most a screen: the gate, what differs in the call, what became of the rows, figures and drift."""
    return [
        f"releases    {_side(diff.before.path, diff.before.rows, diff.before.released)} {ARROW} "
        f"{_side(diff.after.path, diff.after.rows, diff.after.released)}",
        *_gate(diff),
        *_settings(diff),
        f"rows        {_rows(diff)}",
        *_outcomes(diff),
        *_reasons(diff),
        *_figures(diff.figures),
        *_drift(diff.drift),
    ]


def _side(path: str, rows: int, released: int) -> str:
    return f"{one_line(path, 60)} ({plural(rows, 'row')}, {count(released)} released)"


def _gate(diff: Diff) -> Iterator[str]:
    a, b = (_word(passed) for passed in (diff.gate.passed_before, diff.gate.passed_after))
    yield f"gate        {a} {ARROW} {b}" if a != b else f"gate        {a} in both"
    other = [demand for demand in diff.gate.demands if demand.passed_before != demand.passed_after]
    worse = sorted(other, key=lambda demand: demand.passed_after is not False)
    yield from (f"            {_demand(demand)}" for demand in worse[:MOST_DEMANDS])
    if len(worse) > MOST_DEMANDS:
        yield f"            and {plural(len(worse) - MOST_DEMANDS, 'demand')} more"


def _word(passed: bool | None) -> str:
    return "not judged" if passed is None else "PASSED" if passed else "FAILED"


def _demand(demand: Demand) -> str:
    required = demand.required_after or demand.required_before or ""
    met = {True: "met", False: "NOT met", None: "not demanded"}
    return (
        f"{one_line(demand.figure, 60)} {figure(demand.before)} {ARROW} {figure(demand.after)}, must be "
        f"{one_line(required, 60)}: {met[demand.passed_before]} {ARROW} {met[demand.passed_after]}"
    )


def _settings(diff: Diff) -> Iterator[str]:
    for number, one in enumerate(diff.settings[:MOST_SETTINGS]):
        title = "settings" if number == 0 else ""
        yield f"{title:<12}{one_line(one.key, 60)} {_value(one.before)} {ARROW} {_value(one.after)}"
    if len(diff.settings) > MOST_SETTINGS:
        yield f"            and {plural(len(diff.settings) - MOST_SETTINGS, 'setting')} more"
    if diff.causes:
        named = [
            f"{one_line(cause.what, 60)} {_change(cause.before, cause.after)}" for cause in diff.causes[:MOST_CAUSES]
        ]
        yield f"differs too {', '.join(named)}{_more(len(diff.causes), MOST_CAUSES)}"
    if diff.rows.changed:
        told = diff.attribution
        cause = one_line(told.setting, 60) if told.setting else "cannot be told"
        yield f"because     {cause}: {one_line(told.why, 200)}"


def _value(value: object) -> str:
    return "not set" if value is None else one_line(str(value), 60)


def _change(before: str | None, after: str | None) -> str:
    if before is None or after is None:
        return "is new" if before is None else "is gone"
    return f"{one_line(before, 24)} {ARROW} {one_line(after, 24)}"


def _rows(diff: Diff) -> str:
    rows = diff.rows
    told = [f"{rows.same:,} in place"]
    for word in ("shifted", "reordered", "moved", "edited", "rewritten", "added", "removed"):
        if number := getattr(rows, word):
            told.append(f"{number:,} {word}")
    what = f"{rows.changed:,} with another outcome or other reasons" if rows.changed else "none has another outcome"
    return f"{', '.join(told)}; of those in both {what}"


def _outcomes(diff: Diff) -> Iterator[str]:
    """The moves from one outcome to another, those that end or begin a release first, then the most."""
    moves = [(was, now, rows) for was, row in diff.rows.outcomes.items() for now, rows in row.items() if was != now]
    moves.sort(key=lambda move: ((move[0] in _RELEASED) == (move[1] in _RELEASED), -move[2], move[:2]))
    if moves:
        told = [f"{rows:,} {was} {ARROW} {now}" for was, now, rows in moves[:MOST_MOVES]]
        yield f"outcomes    {', '.join(told)}{_more(len(moves), MOST_MOVES)}"
    for title, outcomes in (("added", diff.rows.added_outcomes), ("removed", diff.rows.removed_outcomes)):
        if outcomes:
            yield f"{title:<12}{', '.join(f'{rows:,} {name}' for name, rows in outcomes.items())}"


def _reasons(diff: Diff) -> Iterator[str]:
    if diff.reasons:
        told = [
            f"{one_line(each.reason, 60)} {each.before:,} {ARROW} {each.after:,}"
            for each in diff.reasons[:MOST_REASONS]
        ]
        yield f"reasons     {', '.join(told)}{_more(len(diff.reasons), MOST_REASONS)}"


def _figures(figures: Sequence[Figure]) -> Iterator[str]:
    known: Mapping[str, Figure] = {each.figure: each for each in figures}
    some = [known[name] for name in FIGURES if name in known and known[name].before != known[name].after]
    if some:
        told = [f"{each.figure} {figure(each.before)} {ARROW} {figure(each.after)}" for each in some]
        yield f"figures     {', '.join(told)}"


def _drift(drifts: Sequence[Drift]) -> Iterator[str]:
    far = [drift for drift in drifts if drift.drifted]
    if not far:
        most = f"; furthest is {_far(drifts[0])}" if drifts and drifts[0].value else ""
        yield f"drift       none of {plural(len(drifts), 'column')} lies {THRESHOLD:g} or more away{most}"
        return
    yield f"drift       {', '.join(_far(drift) for drift in far[:MOST_DRIFTS])}{_more(len(far), MOST_DRIFTS)}; " + (
        f"from {THRESHOLD:g} up it counts ({THRESHOLD_SOURCE})"
    )


def _far(drift: Drift) -> str:
    few = ", of few rows" if drift.few else ""
    return f"{drift.column} {figure(drift.value)} ({drift.statistic.split(',')[0].split(' / ')[0]}{few})"


def _more(number: int, most: int) -> str:
    return f" and {number - most} more" if number > most else ""


def row_lines(rows: Sequence[ChangedRow]) -> Iterator[str]:
    """One line for each row that changed: its place, how it belongs, outcome and reasons before and after."""
    for row in rows:
        place = f"{one_line(row.source, 80)}:{row.source_row}" + (f".{row.part}" if row.part else "")
        was = ""
        if row.source_before is not None:
            there = "" if row.source_before == row.source else f"{one_line(row.source_before, 80)}:"
            was = f" (was {there}{row.source_row_before})"
        fates = f"{_fate(row.outcome_before, row.reasons_before)} {ARROW} {_fate(row.outcome, row.reasons)}"
        yield f"{place}{was}  {row.how}  {fates}"


def _fate(outcome: str | None, reasons: Sequence[str]) -> str:
    if outcome is None:
        return "nothing"
    return outcome + (f" [{', '.join(one_line(reason, 60) for reason in reasons)}]" if reasons else "")
