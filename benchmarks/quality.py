"""`make bench-quality`: how well checks and scores find what people find, and docs/quality.md

    python -m benchmarks.quality [--only NAMES] [--data FOLDER]

FOLDER has `raw`, `dev_labels` and `decontam`. A subject whose data is not there says so. The page is written when all
subjects were measured.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import machine
from benchmarks.figures import met
from benchmarks.labels import (
    conduct,
    contamination,
    curation,
    cut,
    demands,
    duplicates,
    formats,
    grounded,
    languages,
    paired,
    personal,
    ranking,
)
from benchmarks.labels.figures import Line
from benchmarks.labels.reading import DATA, MissingError
from benchmarks.pages import as_markdown, into_page
from benchmarks.rounds import ROOT, now

PAGE = ROOT / "docs" / "quality.md"
SUBJECTS: dict[str, Callable[[Path], list[Line]]] = {
    "curation": curation.measure,
    "duplicates": duplicates.measure,
    "contamination": contamination.measure,
    "conduct": conduct.measure,
    "personal": personal.measure,
    "grounded": grounded.measure,
    "cut": cut.measure,
    "formats": formats.measure,
    "constraints": demands.measure,
    "languages": languages.measure,
    "ranking": ranking.measure,
    "paired": paired.measure,
}
"""By the name that `--only` takes."""

_HEAD = ("check or score", "labels", "metric", "value", "a cheap way", "required", "met", "note")


def written(lines: list[Line]) -> str:
    """The table as Markdown."""
    return as_markdown(_HEAD, map(_cells, lines))


def _cells(line: Line) -> tuple[str, ...]:
    needed = line.needed
    verdict = "-" if needed is None else "yes" if met(line.value, needed) else "no"
    return (
        line.what,
        line.on,
        line.metric,
        f"{line.value:.3f}",
        line.baseline or "-",
        str(needed or "-"),
        verdict,
        line.note,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make bench-quality", description="Checks and scores against people's labels."
    )
    parser.add_argument("--only", default="", help=f"subjects, by name: {', '.join(SUBJECTS)}")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the labelled data")
    asked = parser.parse_args()
    names = asked.only.replace(",", " ").split() or list(SUBJECTS)
    if unknown := [name for name in names if name not in SUBJECTS]:
        sys.exit(f"{', '.join(unknown)}: no such subject; there are {', '.join(SUBJECTS)}")
    lines, missing = [], []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            lines += SUBJECTS[name](asked.data)
        except MissingError as error:
            missing.append(f"{name}: {error}")
    print(written(lines), end="")
    if missing:
        sys.exit("not measured: " + "; ".join(missing))
    if set(names) == set(SUBJECTS):
        said = (
            f"Measured {now()[:10]} with {', '.join(f'{name} {one}' for name, one in machine.versions().items())}.\n\n"
        )
        PAGE.write_text(into_page(PAGE.read_text(encoding="utf-8"), said + written(lines)), encoding="utf-8")


if __name__ == "__main__":
    main()
