"""Answers: each is kept at once, one line a piece, so that whoever stops goes on where they stopped.

A file holds one draw, from the same candidates by one seed, whatever release they are of: its first line says what was
known before and which threshold was in force, and each line after it answers one question, the last of a question
counting. It lies in the store, beside what people decided in Argilla.
"""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from annotation.home import home, make_home
from schemas.calibration import Calibrated
from schemas.errors import UsageError

FOLDER = "calibration"

Answer = Literal["yes", "no", "skip"]
ANSWERS: tuple[Answer, ...] = ("yes", "no", "skip")


class Log:
    """The answers of one draw. `known` is what had been decided before it: the draw is from all others.

    `current` is the threshold that was in force then; where it has moved since, the draw stays what it was.
    """

    def __init__(
        self,
        path: Path,
        known: Mapping[str, bool],
        current: float | None,
        answers: Mapping[str, Answer],
        torn: bool,
    ) -> None:
        self.path, self.known, self.current = path, dict(known), current
        self._answers, self._torn = dict(answers), torn

    @property
    def answers(self) -> dict[str, Answer]:
        return dict(self._answers)

    def write(self, subject: str, answer: Answer | None) -> None:
        """Keep an answer, or take it back (null); it is on the disk when this returns. Raises UsageError."""
        _append(self.path, {"id": subject, "answer": answer, "at": _now()}, torn=self._torn)
        self._torn = False
        if answer is None:
            self._answers.pop(subject, None)
        else:
            self._answers[subject] = answer


class _Read(NamedTuple):
    known: dict[str, bool]
    current: float | None
    answers: dict[str, Answer]
    torn: bool  # the last line was cut off while it was written


def opened(of: Calibrated, candidates: str, seed: int, decided: Mapping[str, bool], current: float | None) -> Log:
    """The log of the draw from these candidates, which are named by a digest.

    A new one knows what people `decided` and what was answered in other draws.
    Raises UsageError where a file of answers cannot be read or written.
    """
    folder = home() / FOLDER
    path = folder / f"{of}-{candidates[:16]}-{seed}.jsonl"
    if path.exists():
        return Log(path, *_read(path))
    known = {**_earlier(folder, of), **decided}
    make_home()
    head = {"known": known, "current": current, "of": of, "candidates": candidates, "seed": seed, "at": _now()}
    _append(path, head, torn=False)
    return Log(path, known, current, {}, False)


def _earlier(folder: Path, of: Calibrated) -> dict[str, bool]:
    """What was answered in any draw for this threshold, the newest file's word last."""
    found: dict[str, bool] = {}
    for path in sorted(folder.glob(f"{of}-*.jsonl"), key=lambda path: (path.stat().st_mtime, path.name)):
        found |= {subject: answer == "yes" for subject, answer in _read(path).answers.items() if answer != "skip"}
    return found


def _read(path: Path) -> _Read:
    known: dict[str, bool] = {}
    current = None
    answers: dict[str, Answer] = {}
    lines, torn = _lines(path)
    for number, line in lines:
        if "known" in line:
            known = {str(subject): bool(yes) for subject, yes in line["known"].items()}
            current = line.get("current")
        elif line.get("answer") in ANSWERS:
            answers[str(line["id"])] = line["answer"]
        elif "id" in line:
            answers.pop(line["id"], None)
        else:
            raise UsageError(f"{path}: line {number} is no answer; mend the line, or move the file away to begin anew")
    return _Read(known, current, answers, torn)


def _lines(path: Path) -> tuple[Iterator[tuple[int, dict[str, Any]]], bool]:
    """The lines with their numbers; a last one that was cut off is no line."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); see to its permissions") from error
    whole, _, rest = text.rpartition("\n")

    def parsed() -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in enumerate(whole.split("\n") if whole else (), start=1):
            try:
                yield number, dict(json.loads(line))
            except (ValueError, TypeError) as error:
                raise UsageError(
                    f"{path}: line {number} is no answer; mend the line, or move the file away to begin anew"
                ) from error

    return parsed(), bool(rest)


def _append(path: Path, line: Mapping[str, Any], *, torn: bool) -> None:
    """Write one line and sync it; what was cut off before it is ended first, and is no line of its own then."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if torn:
            _cut_off(path)
        with path.open("ab") as file:
            file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UsageError(f"{path}: the answer cannot be kept ({error.strerror}); see to the disk") from error


def _cut_off(path: Path) -> None:
    """Remove what stands behind the last whole line."""
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
