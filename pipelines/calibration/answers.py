"""Answers: each is kept at once, one line a piece, so that whoever stops goes on where they stopped.

A file holds one draw, from one release by one seed: its first line says what was known before, and each line after it
answers one question, the last of a question counting. It lies in the store, beside what people decided in Argilla.
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
    """The answers of one draw. `known` is what had been decided before it: the draw is from all others."""

    def __init__(self, path: Path, known: Mapping[str, bool], answers: Mapping[str, Answer], torn: bool) -> None:
        self.path, self.known = path, dict(known)
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
    answers: dict[str, Answer]
    torn: bool  # the last line was cut off while it was written


def opened(of: Calibrated, run_id: str, seed: int, decided: Mapping[str, bool]) -> Log:
    """The log of this draw; a new one knows what people `decided` and what was answered in other draws.

    Raises UsageError where a file of answers cannot be read or written.
    """
    folder = home() / FOLDER
    path = folder / f"{of}-{run_id}-{seed}.jsonl"
    if path.exists():
        return Log(path, *_read(path))
    known = {**_earlier(folder, of), **decided}
    make_home()
    _append(path, {"known": known, "of": of, "run_id": run_id, "seed": seed, "at": _now()}, torn=False)
    return Log(path, known, {}, False)


def _earlier(folder: Path, of: Calibrated) -> dict[str, bool]:
    """What was answered in any draw for this threshold, the newest file's word last."""
    found: dict[str, bool] = {}
    for path in sorted(folder.glob(f"{of}-*.jsonl"), key=lambda path: (path.stat().st_mtime, path.name)):
        found |= {subject: answer == "yes" for subject, answer in _read(path).answers.items() if answer != "skip"}
    return found


def _read(path: Path) -> _Read:
    known: dict[str, bool] = {}
    answers: dict[str, Answer] = {}
    lines, torn = _lines(path)
    for number, line in lines:
        if "known" in line:
            known = {str(subject): bool(yes) for subject, yes in line["known"].items()}
        elif line.get("answer") in ANSWERS:
            answers[str(line["id"])] = line["answer"]
        elif "id" in line:
            answers.pop(line["id"], None)
        else:
            raise UsageError(f"{path}: line {number} is no answer; mend the line, or move the file away to begin anew")
    return _Read(known, answers, torn)


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
