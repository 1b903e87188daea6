"""Where the rows came from and where they went, prepared for the page."""

import re

from pipelines import _pictures, _shown
from pipelines._pictures import Node
from schemas.outcome import Fate
from schemas.report import Report

OUTCOMES = {
    Fate.TRAIN.value: "released, to train on",
    Fate.VALIDATION.value: "released, to watch training",
    Fate.TEST.value: "released, to measure the result",
    Fate.REVIEW.value: "waits for a person: nothing was decided",
    Fate.UNSELECTED.value: "good, but not in the chosen subset",
    Fate.DUPLICATE.value: "the same as a row that was kept",
    Fate.CONTAMINATED.value: "holds test data of a benchmark",
    Fate.DROPPED.value: "fails a check that decides",
    Fate.REJECTED.value: "turned down by a person",
    Fate.UNREADABLE.value: "not a record at all",
}
"""What each outcome means, from what is released to what never was a record."""

# Labels of a flow that fit a screen; the smallest sources become one.
MOST_SOURCES = 15
# Reasons of an outcome that fit two lines.
MOST_REASONS = 6

_ENDINGS = re.compile(r"(\.(jsonl?|ndjson|csv|tsv|parquet|arrow))?(\.(gz|zst))?$", re.IGNORECASE)


def flow_picture(report: Report) -> str:
    """Sources on the left, outcomes on the right. A difference becomes a band of its own."""
    sources = _source_nodes(report)
    outcomes = [Node(name, report.rows.outcomes.get(name, 0), f"o-{name}") for name in OUTCOMES]
    left, right = (sum(node.rows for node in side) for side in (sources, outcomes))
    sources.append(Node("from no known source", max(right - left, 0), "c-alarm"))
    outcomes.append(Node("without an outcome", max(left - right, 0), "c-alarm"))
    total = max(left, right)
    ends = (f"{node.name}: {_shown.count(node.rows)}" for node in [*sources, *outcomes] if node.rows)
    return _pictures.flow(sources, outcomes, _shown.plural(total, "row"), "Flow of rows. " + "; ".join(ends))


def _source_nodes(report: Report) -> list[Node]:
    """One node a source that was read, largest first; the smallest share one when there are many."""
    read = [source for source in report.sources.files if source.status == "read"]
    nodes = [
        Node(name, source.records + source.unreadable, "c-source")
        for name, source in zip(short_names([source.source for source in read]), read, strict=True)
    ]
    nodes.sort(key=lambda node: (-node.rows, node.name))
    if len(nodes) <= MOST_SOURCES:
        return nodes
    rest = nodes[MOST_SOURCES - 1 :]
    small = Node(f"{len(rest):,} smaller sources", sum(node.rows for node in rest), "c-source")
    return [*nodes[: MOST_SOURCES - 1], small]


def short_names(names: list[str]) -> list[str]:
    """What tells the sources apart: without the folder they share and, where that is enough, without endings.

    >>> short_names(["raw/a/dolly.jsonl", "raw/b/alpaca.json.gz"]), short_names(["x/a.json", "x/a.csv"])
    (['a/dolly', 'b/alpaca'], ['a.json', 'a.csv'])
    """
    below = [name.removeprefix(shared_folder(names)) for name in names]
    bare = [_ENDINGS.sub("", name) or name for name in below]
    return bare if len(set(bare)) == len(bare) else below


def shared_folder(names: list[str]) -> str:
    """The folder that all names begin with, its slash included; "" when there is none.

    >>> shared_folder(["raw/a/dolly.jsonl", "raw/b/alpaca.json"]), shared_folder(["a.json", "b.json"])
    ('raw/', '')
    """
    shared = ""
    for at, char in enumerate(names[0] if names else ""):
        if char == "/" and all(name.startswith(names[0][: at + 1]) for name in names):
            shared = names[0][: at + 1]
    return shared


def reasons(report: Report) -> dict[str, str]:
    """By outcome, the most frequent reasons and their rows in one line."""
    lines = {}
    for outcome, found in report.rows.reasons.items():
        parts = [f"{_shown.one_line(reason, 60)} {_shown.count(rows)}" for reason, rows in found.items()]
        more = len(parts) - MOST_REASONS
        lines[outcome] = ", ".join(parts[:MOST_REASONS]) + (f" and {more} more" if more > 0 else "")
    return lines
