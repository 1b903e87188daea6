"""`make bench`: every line of the table, interleaved with its peers, and docs/performance.md

    python -m benchmarks.table [--only NAMES] [--rows N] [--rounds N] [--fresh] [--data FILE]

Rounds are kept in runs/bench as they end, so that a stopped call goes on where it was; code that changes is measured
again. The page is written when every line has been measured with all rows.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import machine
from benchmarks.desk import Desk, SideError
from benchmarks.environments import NoPeerError
from benchmarks.figures import Needed, figure_of, met, ratio, shown
from benchmarks.lines import GROUPS, Agreement, Group, Line
from benchmarks.pages import as_markdown, into_page
from benchmarks.rounds import ROOT, Kept, Round, code_digest, now, perform
from benchmarks.rows import ALL, DATA, NoRowsError

PAGE = ROOT / "docs" / "performance.md"
FOLDER = ROOT / "runs" / "bench"
HEAD = ("what", "against", "ours", "peer", "ratio", "required", "met", "how it was held against")
# For lines of which nothing is required: what share of the peer ours takes.
_SHARE = Needed("at most", 100, "%")


class Row(NamedTuple):
    """A line of the table, in words."""

    what: str
    against: str
    ours: str
    peer: str
    ratio: str
    required: str
    met: str
    said: str


def row_of(line: Line, rounds: Sequence[Round]) -> Row:
    """A line from the rounds in which both of its sides ran; what failed says so and has met nothing."""
    both = [each for each in rounds if line.ours in each.sides and (line.peer or line.ours) in each.sides]
    required = str(line.needed) if line.needed else "-"
    if not both:
        failed = [why for each in rounds for name, why in each.failed.items() if name in (line.ours, line.peer)]
        said = failed[-1] if failed else "not measured yet"
        return Row(line.what, line.against, "-", "-", "-", required, "no" if line.needed else "-", said)
    ours = [each.sides[line.ours] for each in both]
    if line.own:
        value = figure_of([run._replace(wall=line.own(run)) for run in ours], "wall")
        unit = line.needed.unit if line.needed else "s"
        verdict = _verdict(line, value, both)
        return Row(line.what, line.against, shown(value, unit), "-", "-", required, verdict, "")
    own, other = figure_of(ours, line.figure), figure_of([each.sides[str(line.peer)] for each in both], line.figure)
    share = line.needed or _SHARE
    value = ratio(own, other, share)
    said = " ".join(dict.fromkeys(each.agreed[line.what + line.against][1] for each in both[-1:] if line.agree))
    verdict = _verdict(line, value, both)
    figures = shown(own, "s"), shown(other, "s"), shown(value, share.unit)
    return Row(line.what, line.against, *figures, required, verdict, said)


def _verdict(line: Line, value: float, rounds: Sequence[Round]) -> str:
    if not line.needed:
        return "-"
    comparable = all(each.agreed.get(line.what + line.against, (True, ""))[0] for each in rounds)
    return "yes" if met(value, line.needed) and comparable else "no" if comparable else "no: results differ"


def written(rows: Sequence[Row]) -> str:
    """The table as Markdown."""
    return as_markdown(HEAD, ([cell.replace("|", "/") for cell in row] for row in rows))


def measured(desk: Desk, names: Sequence[str], rounds: int | None, fresh: bool) -> dict[str, list[Round]]:
    """The rounds of every group; of `names` those that are missing are run. Says its progress on stderr."""
    code = code_digest()
    found: dict[str, list[Round]] = {}
    began = time.monotonic()
    for group, content in GROUPS.items():
        kept = Kept(desk.folder, group, code)
        if fresh and group in names:
            kept.forget()
        count = rounds or content.rounds
        done = kept.rounds(count)
        for number, before in enumerate(done, start=1):
            if group in names and (before is None or before.failed):
                _say(f"[{time.monotonic() - began:>5.0f} s] {group}, round {number} of {count}")
                made = one_round(desk, content)
                kept.write(number, made)
                done[number - 1] = made
        found[group] = [each for each in done if each]
    return found


def one_round(desk: Desk, group: Group) -> Round:
    """Each side once, and what their results say of each other."""
    made = {name: lambda side=side: side(desk) for name, side in group.sides.items()}
    sides, failed = perform(made, group.sides, (SideError, NoPeerError), _say)
    agreed: dict[str, tuple[bool, str]] = {}
    for line in group.lines:
        if line.agree and line.ours in sides and line.peer in sides:
            agreed[line.what + line.against] = _agreement(line, desk, sides)[:2]
    return Round(now(), sides, failed, agreed)


def _agreement(line: Line, desk: Desk, sides: dict[str, Any]) -> Agreement:
    assert line.agree is not None
    try:
        return line.agree(desk, sides[line.ours], sides[str(line.peer)])
    except (OSError, KeyError, ValueError) as error:
        return Agreement(False, f"cannot be held against each other: {error}")


def account(found: dict[str, list[Round]], peaks: dict[str, float]) -> str:
    """Date, machine and versions, as they stand above the table."""
    times = sorted(each.when for rounds in found.values() for each in rounds)
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions().items())
    rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in peaks.items())
    when = f"{times[0][:16]} to {times[-1][:16]}".replace("T", " ") + " UTC"
    return (
        f"Measured {when} on: {machine.described()}. Python {sys.version.split()[0]}, {versions}.\n"
        f"Peak of a matrix product by torch, all cores, in 10^9 operations a second: {rates}.\n\n"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    asked = _asked()
    names = asked.only.replace(",", " ").split() or list(GROUPS)
    if unknown := [name for name in names if name not in GROUPS]:
        sys.exit(f"{', '.join(unknown)}: no such line; there are {', '.join(GROUPS)}")
    desk = Desk(FOLDER / f"rows-{asked.rows}", asked.data, asked.rows)
    try:
        found = measured(desk, names, asked.rounds, asked.fresh)
    except NoRowsError as error:
        sys.exit(str(error))
    rows = {group: [row_of(line, found[group]) for line in content.lines] for group, content in GROUPS.items()}
    print(written([row for group in names for row in rows[group]]), end="")
    missing = [group for group in GROUPS if len(found[group]) < (asked.rounds or GROUPS[group].rounds)]
    if asked.rows < ALL or missing or asked.rounds:
        _say(f"{PAGE.name} is left as it is: it wants all lines with all rows and rounds")
        return
    peaks = machine.peaks()
    table = account(found, peaks) + written([row for part in rows.values() for row in part])
    PAGE.write_text(into_page(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")
    _say(f"written into {PAGE.relative_to(ROOT)}")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Ours and the peers, interleaved.")
    parser.add_argument("--only", default="", help=f"lines, by name: {', '.join(GROUPS)}")
    parser.add_argument("--rows", type=int, default=ALL, help="the first rows of the data (default: all)")
    parser.add_argument("--rounds", type=int, default=None, help="rounds for every line (default: its own number)")
    parser.add_argument("--fresh", action="store_true", help="measure again what is kept")
    parser.add_argument("--data", type=Path, default=DATA, help="alpaca_data.json, plain or gzip")
    return parser.parse_args()


if __name__ == "__main__":
    main()
