"""A run in short: some dozen lines for a terminal, and a page of markdown for whoever watches the flow.

Both are plain text made of a Report. Text from the data has its controls made visible; markdown's own
marks are escaped, so that a file name draws no table and runs no markup. For a terminal library with a
markup of its own (square brackets), print the lines with that markup switched off.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from annotation.spending.money import show
from pipelines._licenses_told import license_line
from pipelines._shown import count, figure, one_line, plural, share, similarity
from pipelines._thresholds import calibrated_lines
from schemas.outcome import SPLITS, Fate
from schemas.report import (
    Baseline,
    CheckFigures,
    DemandResult,
    Difficulty,
    New,
    People,
    Repairs,
    Report,
    Selection,
    Training,
    Verdict,
)

# What fits a terminal beside the stages' own lines.
MOST_REASONS = 5
MOST_FAILED = 3
MOST_UNMET = 20
# What a person reads in a flow's artifact before turning to the page.
MOST_MARKDOWN = 12


class Found(NamedTuple):
    """A check that some rows failed."""

    reason: str  # family.check
    figures: CheckFigures


def summary_lines(report: Report) -> list[str]:
    """Some fourteen lines: where the rows went, what was removed and why, and the gate's verdict."""
    rows, duplicates, splits = report.rows, report.duplicates, report.splits
    split_rows = ", ".join(f"{getattr(splits, fate.value).rows:,} {fate.value}" for fate in SPLITS)
    lines = [
        f"rows        {_origin(report)}",
        f"released    {count(rows.released)} ({share(rows.released_share)}): {split_rows}",
        f"taken out   {_taken_out(report)}",
        f"duplicates  {count(duplicates.exact.removed)} exact, {count(duplicates.near.removed)} near, "
        f"{count(duplicates.semantic.removed)} semantic; {plural(duplicates.suspected, 'suspect')} and "
        f"{plural(duplicates.conflicts, 'conflict')} in review",
        f"reasons     {_reasons(report)}",
        f"leakage     {plural(splits.leakage.linked_across, 'link')} across splits; largest similarity between train "
        f"and test {similarity(splits.leakage.max_similarity)}",
    ]
    lines += [f"{title:<12}{text}" for title, text in _where_there_is_one(report) if text]
    if not rows.reconciles:
        lines.append(f"ledger      DOES NOT RECONCILE: {rows.expected:,} rows expected, {rows.ledger:,} in the ledger")
    if report.gate is None:
        return [*lines, "gate        NOT JUDGED: no policy was applied"]
    verdict = verdict_lines(report.gate, most=MOST_FAILED)
    return lines + [line for line in verdict if report.gate.passed or not line.startswith(("  warns", "  close"))]


def _where_there_is_one(report: Report) -> list[tuple[str, str]]:
    """Title and text of the lines that not every run has; "" where this one has none."""
    draft = "static vectors: semantic duplicates were looked for in part, and none was removed"
    return [
        ("repairs", repairs_line(report.repairs)),
        ("licences", license_line(report.licenses)),
        *(("calibrated", line) for line in calibrated_lines(report)),
        ("draft", draft if report.run.draft else ""),
        ("new", new_line(report.run.new)),
        ("target", training_line(report.training) if report.training else ""),
        ("difficulty", _difficulty(report.difficulty) if report.difficulty else ""),
        ("people", people_line(report.people)),
        *(selection_lines(report.selection) if report.selection else ()),
    ]


def _origin(report: Report) -> str:
    sources = report.sources
    refused = f", {plural(sources.refused, 'source')} REFUSED" if sources.refused else ""
    became = "" if report.rows.expected == report.rows.source_rows else f" as {report.rows.expected:,} ledger rows"
    return f"{count(report.rows.source_rows)}{became} from {plural(sources.read, 'source')}{refused}"


def selection_lines(selection: Selection) -> list[tuple[str, str]]:
    """The chosen subset beside its baselines of the same size, and those of the same tokens: title and text of each."""
    asked = f"of {count(selection.target_size)} asked"
    if selection.target_tokens is not None:
        asked = f"within {count(selection.target_tokens)} tokens"
    beside = " | ".join(map(_subset, (selection.chosen, *selection.baselines)))
    lines = [("selection", f"{count(selection.selected)} {asked}; {beside}")]
    if selection.at_equal_tokens:
        told = (f"{_subset(one)}, {plural(one.rows, 'row')}" for one in selection.at_equal_tokens)
        lines.append(("same tokens", " | ".join(told)))
    return lines


def _subset(one: Baseline) -> str:
    tokens = "" if one.tokens is None else f", {count(one.tokens)} tokens"
    return f"{one.method} {figure(one.quality_mean)} quality, {figure(one.vendi)} Vendi{tokens}"


def training_line(training: Training) -> str:
    """What the target's trainer makes of the released rows, and which of all it could not take."""
    rows, given = training.released, training.readable
    lost = f"; of all rows {given.skipped:,} skipped by the trainer, {given.unrendered:,} refused by the template"
    return (
        f"{one_line(training.target, 60)} at {training.max_length:,} tokens: {count(rows.tokens)} trained on, "
        f"{count(rows.supervised)} learnt, {plural(rows.truncated, 'row')} cut off"
    ) + (lost if given.skipped or given.unrendered else "")


def new_line(new: New | None) -> str:
    """How much of the work was not known from earlier runs; "" where that was not counted."""
    if new is None or new.read is None:
        return ""
    steps = (
        ("checked", new.checked), ("prepared", new.prepared), ("embedded", new.embedded), ("asked", new.asked),
    )  # fmt: skip
    done = [f"{work.new:,} {name}" for name, work in steps if work]
    return ", ".join([f"{new.read.new:,} of {plural(new.read.all, 'row')} read", *done])


def _difficulty(found: Difficulty) -> str:
    """Both scores by their medians, and on how many rows."""
    loss, perplexity = found.ifd_loss_ratio.quantiles.get("0.5"), found.ifd_perplexity_ratio.quantiles.get("0.5")
    unscored = f", {sum(found.unscored.values()):,} not scored" if found.unscored else ""
    cut = f", {found.truncated:,} truncated" if found.truncated else ""
    return (
        f"median ratio of losses {figure(loss)}, of perplexities {figure(perplexity)}, on {plural(found.scored, 'row')}"
        f"{unscored}{cut} ({one_line(found.model, 60)})"
    )


def repairs_line(repairs: Repairs | None) -> str:
    """How many repairs are suggested, by kind, and what became of them; "" where there is none."""
    if repairs is None or not repairs.rows:
        return ""
    found = ((name, kind.suggested) for name, kind in repairs.kinds.items() if kind.suggested)
    named = ", ".join(f"{one_line(name, 40)} {count:,}" for name, count in found)
    if repairs.apply == "safe":
        done = f"{repairs.applied():,} made, in {plural(repairs.changed, 'row')}"
    else:
        done = f"none made; --apply-repairs safe makes {repairs.suggested(safe_only=True):,} of them"
    return f"{repairs.suggested():,} suggested ({named}); {done}"


def people_line(people: People) -> str:
    """What people decided and what that cost; "" where nobody was asked."""
    decided = [
        f"{number:,} {word}"
        for word, number in (
            ("accepted", people.accepted), ("fixed", people.fixed), ("rejected", people.rejected),
            ("restored", people.restored),
            ("same", people.same), ("different", people.different), ("not carried out", people.unapplied),
        )
        if number
    ]  # fmt: skip
    cost = people.cost
    if cost is None:
        return ", ".join(decided)
    each = f", {show(cost.per_accepted, cost.currency)} for each record released" if cost.per_accepted else ""
    money = f"{show(cost.spent, cost.currency)} spent{each}, {show(cost.reserved, cost.currency)} reserved"
    return f"{', '.join(decided) or 'no decision applies'}; {money}"


def _taken_out(report: Report) -> str:
    """Every outcome but the splits, with its rows; those of zero left out."""
    outcomes = report.rows.outcomes
    taken = [fate.value for fate in Fate if fate not in SPLITS and outcomes.get(fate.value)]
    return ", ".join(f"{outcomes[name]:,} {name}" for name in taken) or "nothing"


def _reasons(report: Report) -> str:
    """The checks that decide and found most."""
    deciding = [item for item in found_checks(report) if item.figures.severity != "note"]
    parts = [f"{one_line(item.reason, 60)} {item.figures.failed:,}" for item in deciding[:MOST_REASONS]]
    more = len(deciding) - MOST_REASONS
    return (", ".join(parts) + (f" and {more} more" if more > 0 else "")) or "no check found anything that decides"


def found_checks(report: Report) -> list[Found]:
    """Every check that some row failed, most rows first, then by name."""
    found = [
        Found(f"{family}.{name}", figures)
        for family, members in report.checks.families.items()
        for name, figures in members.items()
        if figures.failed
    ]
    return sorted(found, key=lambda item: (-item.figures.failed, item.reason))


def verdict_lines(verdict: Verdict, *, most: int = MOST_UNMET) -> list[str]:
    """The gate's word, and the demands that are not met: what decides first, `most` of either kind."""
    unmet, warned = (unmet_demands(verdict.demands, severity) for severity in ("fail", "warn"))
    close = [demand for demand in verdict.demands if demand.close]
    word = "PASSED" if verdict.passed else "FAILED"
    asked = plural(len(verdict.demands), "demand")
    said = f"{len(unmet)} of {asked} not met" if unmet else f"{asked}, all that decide are met"
    warnings = f"; {plural(len(warned) + len(close), 'warning')}" if warned or close else ""
    first = f"gate        {word}: {said} (policy {one_line(verdict.policy, 40)}){warnings}"
    told = (("unmet", unmet), ("warns", warned), ("close", close))
    return [first, *(line for word, demands in told for line in _demand_lines(word, demands, most))]


def _demand_lines(word: str, demands: Sequence[DemandResult], most: int) -> list[str]:
    lines = [f"  {word}     {_demand(demand)}" for demand in demands[:most]]
    return lines + ([f"  {word}     and {len(demands) - most} more"] if len(demands) > most else [])


def unmet_demands(demands: Iterable[DemandResult], severity: str) -> list[DemandResult]:
    """The demands of one severity that are not met; what was not measured is not met."""
    return [d for d in demands if d.severity == severity and (not d.passed or d.measured is None)]


def _demand(demand: DemandResult) -> str:
    measured = "could not be measured" if demand.measured is None else f"is {one_line(figure(demand.measured), 60)}"
    near = f", met by {figure(demand.margin)} only" if demand.close and demand.margin is not None else ""
    return f"{one_line(demand.name, 120)} {measured}, must be {one_line(demand.requirement, 100)}{near}"


def render_markdown(report: Report) -> str:
    """The report in short as GitHub-flavoured markdown, for a flow's artifact."""
    blocks = [
        f"# {escaped(report.run.name)}",
        _verdict(report),
        "## Rows\n\n" + _rows_table(report),
        "## What the checks found\n\n" + _checks_table(report),
        "## Duplicates\n\n" + _duplicates_table(report),
        "## Splits\n\n" + _splits_table(report),
    ]
    return "\n\n".join(blocks) + "\n"


def _verdict(report: Report) -> str:
    if report.gate is None:
        return "**NOT JUDGED**: no policy was applied to this run."
    unmet = unmet_demands(report.gate.demands, "fail")
    warned = unmet_demands(report.gate.demands, "warn")
    word = "PASSED" if report.gate.passed else "FAILED"
    said = f"{len(unmet)} of {len(report.gate.demands)} demands not met" if unmet else "every deciding demand is met"
    first = f"**{word}** by the policy {escaped(report.gate.policy)}: {said}, {plural(len(warned), 'warning')}."
    lines = [f"- {demand.severity}: {escaped(_demand(demand), 200)}" for demand in (*unmet, *warned)[:MOST_MARKDOWN]]
    return "\n".join([first, "", *lines]).rstrip()


def _rows_table(report: Report) -> str:
    rows = report.rows
    body = [(fate.value, count(rows.outcomes.get(fate.value, 0))) for fate in Fate]
    total = ("**sum**", f"**{sum(rows.outcomes.values()):,}**")
    note = f"{_origin(report)}. " + ("It reconciles." if rows.reconciles else "**It does not reconcile.**")
    return escaped(note, 300).replace("\\*\\*", "**") + "\n\n" + _table(("Outcome", "Rows"), [*body, total])


def _checks_table(report: Report) -> str:
    found = found_checks(report)
    if not found:
        return f"{plural(report.checks.checked, 'row')} checked; no check found anything."
    body = [
        (escaped(item.reason), item.figures.severity, count(item.figures.failed), share(item.figures.failed_share))
        for item in found[:MOST_MARKDOWN]
    ]
    more = f"\n\n{len(found) - MOST_MARKDOWN} more in report.json." if len(found) > MOST_MARKDOWN else ""
    return _table(("Check", "Severity", "Rows", "Share"), body) + more


def _duplicates_table(report: Report) -> str:
    stages = report.duplicates
    body = [
        (name, count(stage.removed), count(stage.clusters), count(stage.largest))
        for name, stage in (("exact", stages.exact), ("near", stages.near), ("semantic", stages.semantic))
    ]
    held = f"{plural(stages.suspected, 'suspect')} and {plural(stages.conflicts, 'conflict')} went to review."
    return _table(("Way", "Removed", "Groups", "Largest"), body) + "\n\n" + held


def _splits_table(report: Report) -> str:
    splits = [(fate.value, getattr(report.splits, fate.value)) for fate in SPLITS]
    body = [(name, count(split.rows), share(split.share), count(split.tokens)) for name, split in splits]
    leakage = report.splits.leakage
    proof = (
        f"{plural(leakage.linked_across, 'link')} across splits; "
        f"largest similarity between train and test: {similarity(leakage.max_similarity)}."
    )
    return _table(("Split", "Rows", "Share", "Tokens"), body) + "\n\n" + proof


def _table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are set to the right."""
    rule = "|---|" + "---:|" * (len(heads) - 1)
    return "\n".join([_line(heads), rule, *(_line(cells) for cells in body)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escaped(text: str, limit: int = 120) -> str:
    """`text` on one line, as markdown that shows it and does nothing else.

    >>> escaped("a|b <b> [x](y)")
    'a\\\\|b &lt;b&gt; \\\\[x\\\\](y)'
    """
    line = one_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", line)
