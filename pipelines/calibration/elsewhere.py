"""Questions that are answered elsewhere: written for a spreadsheet or a program, and read back with their answers."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines._workspace import save_text
from pipelines.calibration.answers import Answer
from pipelines.calibration.candidates import Question
from pipelines.calibration.page import as_page
from schemas.errors import UsageError

_SAID: dict[str, Answer] = {
    **dict.fromkeys(("yes", "y", "true", "1", "1.0", "same", "accept"), "yes"),
    **dict.fromkeys(("no", "n", "false", "0", "0.0", "different", "fix", "reject"), "no"),
    **dict.fromkeys(("skip", "s", "?"), "skip"),
}
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ENDINGS = (".csv", ".jsonl")
_PAGE = ".html"

# Beyond the csv module's own limit a cell could not be read back.
_LONGEST = 100_000


class Found(NamedTuple):
    """Answers by question. Rows without one are left, and `strangers` are ids that were not asked."""

    answers: dict[str, Answer]
    strangers: list[str]


def write_questions(questions: Sequence[Question], ask: str, path: Path, draw: str) -> None:
    """Write the questions with an empty `answer` to a .csv or .jsonl, or as a page (.html). Raises UsageError.

    Similarities and scores are left out: whoever knows what the program thinks judges less for themselves.
    """
    _refuse_ending(path, "--write-questions", (*_ENDINGS, _PAGE))
    rows = [_row(number, question, ask) for number, question in enumerate(questions, start=1)]
    if path.suffix == _PAGE:
        text = as_page(questions, ask, draw)
    elif path.suffix == ".csv":
        text = _as_csv(rows)
    else:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        save_text(text, path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def read_answers(path: Path, asked: Sequence[str]) -> Found:
    """Answers from a .csv or .jsonl with `id` and `answer` (yes, no or skip; an empty one is none yet).

    Raises UsageError for what is no such file, an answer that is none of these, and a file without a question of
    this draw.
    """
    _refuse_ending(path, "--answers")
    known = set(asked)
    answers: dict[str, Answer] = {}
    strangers: list[str] = []
    for where, subject, said in _rows(path):
        word = said.strip().lower()
        if not word:
            continue
        if word not in _SAID:
            raise UsageError(f"{path}: {where} answers {said.strip()[:40]!r}; say yes, no or skip, or leave it empty")
        if subject in known:
            answers[subject] = _SAID[word]
        else:
            strangers.append(subject)
    if strangers and not answers:
        raise UsageError(
            f"{path}: none of its {len(strangers)} answers is to a question of this draw; give the release, --of, "
            "--seed and --size that its questions were written with"
        )
    return Found(answers, strangers)


def _refuse_ending(path: Path, option: str, endings: Sequence[str] = _ENDINGS) -> None:
    if path.suffix not in endings:
        named = f"{', '.join(endings[:-1])} and {endings[-1]}"
        raise UsageError(f"{option} {path}: has another ending than {named}; name it so")


def _row(number: int, question: Question, ask: str) -> dict[str, str | int]:
    names = ("a", "b") if len(question.sides) > 1 else ("",)
    texts = {
        f"{what}_{name}".rstrip("_"): text
        for name, side in zip(names, question.sides, strict=True)
        for what, text in (("prompt", side.prompt), ("completion", side.answer))
    }
    return {"number": number, "question": ask, **texts, "answer": "", "id": question.id}


def _as_csv(rows: Sequence[dict[str, str | int]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["answer", "id"])
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    # Without the mark spreadsheets read UTF-8 as something else.
    return "\ufeff" + text.getvalue()


def _harmless(value: str | int) -> str | int:
    if isinstance(value, int):
        return value
    cut = value[:_LONGEST]
    return f"'{cut}" if cut.startswith(_FORMULA) else cut


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    """Where each row stands, its id and its answer."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{path}: cannot be read ({why}); give the file that holds the answers") from error
    rows = _csv_rows(text) if path.suffix == ".csv" else _json_rows(path, text)
    for where, row in rows:
        subject, said = row.get("id"), row.get("answer")
        if not isinstance(subject, str) or "answer" not in row:
            raise UsageError(f"{path}: {where} has no id or no answer; keep both columns of the questions")
        yield where, subject, "" if said is None else str(said)


def _csv_rows(text: str) -> Iterator[tuple[str, dict[str, object]]]:
    # A semicolon is what spreadsheets write where a comma parts decimals.
    first = text.split("\n", 1)[0]
    parted = ";" if first.count(";") > first.count(",") else ","
    csv.field_size_limit(2**24)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=parted)
    for row in reader:
        yield f"line {reader.line_num}", dict(row)


def _json_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, object]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{path}: line {number} is not JSON; write one object a line") from error
        if not isinstance(row, dict):
            raise UsageError(f"{path}: line {number} is no object; write one with id and answer")
        yield f"line {number}", row
