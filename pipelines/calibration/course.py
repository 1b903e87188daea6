"""The course of a calibration: draw, ask, estimate, recommend; and what was chosen, as evidence."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipelines._manifest import read_manifest, sha256_of, verify_files
from pipelines._people import decisions_of
from pipelines.annotate import settings_of
from pipelines.calibration.answers import Answer, Log, opened
from pipelines.calibration.candidates import Candidates, Question, candidates_of, decided, questions_of
from pipelines.calibration.curve import CONFIDENCE, Point, curve, recommended
from pipelines.calibration.drawing import drawn, strata_of
from pipelines.calibration.lines import as_figures, curve_lines, verdict_line
from schemas.calibration import KEYS, Calibrated, Evidence
from schemas.errors import UsageError
from schemas.manifest import MANIFEST
from schemas.settings import Settings


class Draw(NamedTuple):
    """What is asked of a release, and what has been answered."""

    release: Path
    digest: str  # of its manifest
    settings: Settings  # that it was made with
    candidates: Candidates
    strata: pl.DataFrame
    asked: pl.DataFrame  # of strata, in the order of asking
    seed: int
    log: Log

    def questions(self) -> list[Question]:
        return questions_of(self.release, self.asked)

    def take_in(self, answers: dict[str, Answer]) -> int:
        """Keep answers that were made elsewhere; how many of them are new or other than before."""
        other = {subject: answer for subject, answer in answers.items() if self.log.answers.get(subject) != answer}
        for subject, answer in other.items():
            self.log.write(subject, answer)
        return len(other)


class Outcome(NamedTuple):
    """What the answers say."""

    points: list[Point]
    best: Point | None
    answers: dict[str, bool]  # to what was drawn
    skipped: int
    draw: Draw
    precision: float


def draw(release: Path, of: Calibrated, *, size: int, seed: int | None = None) -> Draw:
    """The questions of a release, after proving that nothing in it was touched.

    What people decided in Argilla counts: what was decided before the draw is known and not asked, what was decided
    since is an answer. Raises ReleaseError, UsageError and StoreError.
    """
    manifest = read_manifest(release)
    verify_files(release, manifest)
    settings = settings_of(manifest, release)
    found = candidates_of(release, of, settings)
    seed = settings.seed if seed is None else seed
    now = decided(decisions_of(settings.annotation), of)
    ids = set(found.frame["id"])
    log = opened(of, _digest(found.frame), seed, {**found.said, **now}, found.current)
    strata = strata_of(found.frame, lowest=found.lowest, current=log.current)
    rest = strata.filter(~pl.col("id").is_in(list(log.known)))
    asked = drawn(rest, current=log.current, seed=seed).head(size)
    result = Draw(release, sha256_of(release / MANIFEST), settings, found, strata, asked, seed, log)
    since = {name: yes for name, yes in now.items() if name in ids - log.known.keys() and name not in log.answers}
    drawn_ids = set(asked["id"])
    result.take_in({name: "yes" if yes else "no" for name, yes in since.items() if name in drawn_ids})
    return result


def _digest(candidates: pl.DataFrame) -> str:
    """The same for the same candidates with the same scores, whatever else a release made again holds."""
    rows = candidates.select("id", "score").sort("id").iter_rows()
    return sha256("\n".join(f"{name} {score:.5f}" for name, score in rows).encode()).hexdigest()


def concluded(drawn: Draw, *, precision: float) -> Outcome:
    """The curve by the answers so far, and the threshold that they recommend."""
    given = {name: answer for name, answer in drawn.log.answers.items() if name in set(drawn.asked["id"])}
    answers = {name: answer == "yes" for name, answer in given.items() if answer != "skip"}
    ids = set(drawn.strata["id"])
    known = {name: yes for name, yes in drawn.log.known.items() if name in ids}
    points = curve(drawn.strata, answers, known, drawn.candidates.current)
    best = recommended(points, precision=precision, lowest=drawn.candidates.lowest)
    return Outcome(points, best, answers, len(given) - len(answers), drawn, precision)


def chosen(outcome: Outcome, threshold: float) -> Point:
    """The point at a threshold that somebody named. Raises UsageError where it is none of the curve's."""
    lowest = outcome.draw.candidates.lowest
    allowed = [point for point in outcome.points if point.threshold >= lowest - 1e-9]
    point = next((point for point in allowed if abs(point.threshold - threshold) < 1e-9), None)
    if point is None:
        named = ", ".join(f"{point.threshold:.2f}" for point in allowed) or "none, for nothing is answered"
        raise UsageError(f"{threshold}: the curve says nothing at this threshold; choose one of {named}")
    if point.precision.share is None or point.recall.share is None:
        raise UsageError(f"{threshold}: nothing was answered at or above it; choose a lower one, or answer more")
    return point


def evidence(outcome: Outcome, point: Point) -> Evidence:
    """What speaks for a point, as assay.yaml keeps it."""
    known = sum(name in set(outcome.draw.strata["id"]) for name in outcome.draw.log.known)
    goods = [*outcome.answers.values(), *_known(outcome).values()]
    return Evidence(
        threshold=point.threshold,
        date=datetime.now(UTC).date().isoformat(),
        release=f"sha256:{outcome.draw.digest}",
        answers=len(outcome.answers) + known,
        said_yes=sum(goods),
        skipped=outcome.skipped,
        candidates=outcome.draw.strata.height,
        seed=outcome.draw.seed,
        demanded_precision=outcome.precision,
        precision=round(point.precision.share or 0.0, 4),
        precision_interval=(round(point.precision.low, 4), round(point.precision.high, 4)),
        recall=round(point.recall.share or 0.0, 4),
        recall_interval=(round(point.recall.low, 4), round(point.recall.high, 4)),
        confidence=CONFIDENCE,
    )


def _known(outcome: Outcome) -> dict[str, bool]:
    ids = set(outcome.draw.strata["id"])
    return {name: yes for name, yes in outcome.draw.log.known.items() if name in ids}


def needless(outcome: Outcome) -> bool:
    """Whether the lowest threshold of all passes, so that none is needed: all records may be released."""
    lowest = min((point.threshold for point in outcome.points), default=None)
    is_lowest = outcome.best is not None and outcome.best.threshold == lowest
    return is_lowest and outcome.draw.candidates.of == "min_quality"


def lines(outcome: Outcome) -> list[str]:
    """For a person."""
    found = outcome.draw.candidates
    open_ones = outcome.draw.asked.height - len(outcome.answers) - outcome.skipped
    told = (
        f"answers     {len(outcome.answers)} of {outcome.draw.asked.height} drawn from {outcome.draw.strata.height:,}"
    )
    told += f", {outcome.skipped} skipped" if outcome.skipped else ""
    told += f", {open_ones} still open" if open_ones else ""
    told += f"; {known} decided before" if (known := len(_known(outcome))) else ""
    table = curve_lines(outcome.points, found.of, found.current, outcome.best) if outcome.points else []
    if needless(outcome):
        verdict = "no threshold is needed: all of them together have the precision that was asked for"
    else:
        verdict = verdict_line(
            outcome.points, outcome.best, precision=outcome.precision, of=found.of, lowest=found.lowest
        )
    return [told, "", *table, "", verdict] if table else [told, verdict]


def figures(outcome: Outcome) -> dict[str, Any]:
    """For a machine."""
    return {
        "setting": ".".join(KEYS[outcome.draw.candidates.of]),
        "release": outcome.draw.digest,
        "current": outcome.draw.candidates.current,
        "candidates": outcome.draw.strata.height,
        "drawn": outcome.draw.asked.height,
        "answers": len(outcome.answers),
        "skipped": outcome.skipped,
        "known": len(_known(outcome)),
        "seed": outcome.draw.seed,
        "confidence": CONFIDENCE,
        "demanded_precision": outcome.precision,
        "points": [as_figures(point) for point in outcome.points],
        "recommended": None if needless(outcome) else as_figures(outcome.best),
        "needless": needless(outcome),
        "answers_kept_in": str(outcome.draw.log.path),
    }
