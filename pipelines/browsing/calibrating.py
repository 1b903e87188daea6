"""Calibration in the page: the questions of a draw, their answers, what these say, and the threshold written.

It is `assay calibrate` by another door: draw, log, curve and writing are the command's, so that either goes on where
the other stopped.
"""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines._shown import one_line, visible
from pipelines.calibration import course
from pipelines.calibration.answers import ANSWERS
from pipelines.calibration.candidates import NOUNS, Question
from pipelines.calibration.curve import PRECISION, Point
from pipelines.calibration.lines import QUESTIONS, as_figures
from pipelines.calibration.writing import write_threshold
from schemas.calibration import KEYS, Calibrated
from schemas.errors import UsageError
from schemas.manifest import MANIFEST
from schemas.settings import first_problem

# A text is read, not studied.
LONGEST = 20_000
MOST_QUESTIONS = 1000


class Wanted(BaseModel):
    """Which draw, and what a threshold must reach."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Calibrated = "min_similarity"
    size: int = Field(50, ge=1, le=MOST_QUESTIONS)
    precision: float = Field(PRECISION, ge=0, le=1)


def wanted(asked: Mapping[str, Any]) -> Wanted:
    """From the names and values of a URL, or of an object that was sent. Raises UsageError."""
    given = {name: value for name, value in asked.items() if name in Wanted.model_fields and value not in ("", None)}
    try:
        return Wanted.model_validate(given)
    except ValidationError as error:
        raise UsageError(first_problem(error)) from error


class _Kept(NamedTuple):
    """A draw, and the files that it follows from as they were then: the release's manifest and the log of answers."""

    draw: course.Draw
    stamp: tuple[Any, ...]


class Calibrating:
    """Draws of one release. `config` is where a threshold is written."""

    def __init__(self, release: Path, config: Path) -> None:
        self._release, self._config = release, config
        self._lock = Lock()
        self._kept: dict[tuple[str, int], _Kept] = {}

    def questions(self, asked: Wanted) -> dict[str, Any]:
        """Every question of the draw and its answer so far (null: none). Raises as `pipelines.calibration.course.draw`.

        Similarities and scores are left out, as in the terminal.
        """
        with self._lock:
            draw = self._drawn(asked)
            return {
                "of": asked.of,
                "setting": ".".join(KEYS[asked.of]),
                "ask": QUESTIONS[asked.of],
                "noun": NOUNS[asked.of],
                "candidates": draw.strata.height,
                "questions": [_shown(question, draw) for question in draw.questions()],
                "config": one_line(str(self._config), 300),
                "kept_in": one_line(str(draw.log.path), 300),
            }

    def answer(self, asked: Wanted, subject: Any, said: Any) -> dict[str, Any]:
        """Keep an answer, or take it back (null); it is on the disk when this returns. Raises UsageError."""
        if said is not None and said not in ANSWERS:
            raise UsageError("an answer is yes, no, skip or null")
        with self._lock:
            draw = self._drawn(asked)
            if subject not in set(draw.asked["id"]):
                raise UsageError("that is no question of this draw; reload the page")
            draw.log.write(subject, said)
            self._keep(asked, draw)
            return {"id": subject, "answer": said}

    def curve(self, asked: Wanted) -> dict[str, Any]:
        """What the answers so far say."""
        with self._lock:
            outcome = course.concluded(self._drawn(asked), precision=asked.precision)
        lowest = outcome.draw.candidates.lowest
        return {
            **course.figures(outcome),
            "points": [{**(as_figures(one) or {}), "allowed": _may(one, lowest)} for one in outcome.points],
            "verdict": course.lines(outcome)[-1],
            "config": one_line(str(self._config), 300),
        }

    def write(self, asked: Wanted, threshold: Any) -> dict[str, Any]:
        """Write a threshold of the curve to the settings, with what speaks for it. Raises UsageError, SettingsError."""
        if not isinstance(threshold, int | float):
            raise UsageError("a threshold is a number")
        with self._lock:
            outcome = course.concluded(self._drawn(asked), precision=asked.precision)
            point = course.chosen(outcome, float(threshold))
            write_threshold(self._config, asked.of, course.evidence(outcome, point))
        return {"setting": ".".join(KEYS[asked.of]), "threshold": point.threshold, "config": str(self._config)}

    def _drawn(self, asked: Wanted) -> course.Draw:
        """The draw; anew where the release was made again, or somebody answered elsewhere."""
        kept = self._kept.get((asked.of, asked.size))
        if kept is not None and kept.stamp == self._stamp(kept.draw):
            return kept.draw
        draw = course.draw(self._release, asked.of, size=asked.size)
        self._keep(asked, draw)
        return draw

    def _keep(self, asked: Wanted, draw: course.Draw) -> None:
        self._kept[asked.of, asked.size] = _Kept(draw, self._stamp(draw))

    def _stamp(self, draw: course.Draw) -> tuple[Any, ...]:
        return tuple(_mark(path) for path in (self._release / MANIFEST, draw.log.path))


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        now = path.stat()
    except OSError:
        return None
    return now.st_mtime_ns, now.st_size, now.st_ino


def _shown(question: Question, draw: course.Draw) -> dict[str, Any]:
    sides = [
        {"prompt": visible(side.prompt, LONGEST), "answer": visible(side.answer, LONGEST)} for side in question.sides
    ]
    return {"id": question.id, "sides": sides, "answer": draw.log.answers.get(question.id)}


def _may(point: Point, lowest: float) -> bool:
    """Whether it may be written: not below what the settings allow, and something was answered about it."""
    return point.threshold >= lowest - 1e-9 and None not in (point.precision.share, point.recall.share)
