"""Questions in a terminal: two texts, one key. Bold and faint only, which every background and every night allows."""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from pipelines._shown import visible
from pipelines.calibration.answers import Answer, Log
from pipelines.calibration.candidates import Question

# What is read at a glance; `m` shows all.
CHARACTERS, WHOLE = 900, 1_000_000
WIDEST = 100
KEYS = "[y]es  [n]o  [s]kip  [u]ndo  [m]ore text  [q]uit"

# What a line may say: a key, or its word.
_WORDS = frozenset(["y", "yes", "n", "no", "s", "skip", "u", "undo", "m", "more", "q", "quit"])
_ANSWERS: dict[str, Answer] = {"y": "yes", "n": "no", "s": "skip"}


def ask(questions: Sequence[Question], log: Log, question: str, *, read: TextIO | None = None) -> bool:
    """Ask for what is not answered yet, until all is or `q` or the end of the input is read; whether all is.

    From a terminal one key is read, from anything else a line. Questions go to stderr, each answer into the log.
    """
    source = read or sys.stdin
    done: list[str] = []
    show = _Screen(sys.stderr)
    with _keys(source) as key:
        at = 0
        while at < len(questions):
            if questions[at].id in log.answers:
                at += 1
                continue
            said = _one(questions, at, log, question, key, show)
            if said == "q":
                return False
            if said == "u" and done:
                log.write(done[-1], None)
                at = next(place for place, one in enumerate(questions) if one.id == done[-1])
                done.pop()
            elif said in _ANSWERS:
                log.write(questions[at].id, _ANSWERS[said])
                done.append(questions[at].id)
    return True


def _one(
    questions: Sequence[Question], at: int, log: Log, question: str, key: Callable[[], str], show: "_Screen"
) -> str:
    """Show a question until a key means something; the end of the input is `q`."""
    answered = sum(one.id in log.answers for one in questions)
    show.question(questions[at], f"{answered + 1} of {len(questions)}", question, CHARACTERS)
    while True:
        said = key()
        if said == "m":
            show.question(questions[at], f"{answered + 1} of {len(questions)}", question, WHOLE)
        elif said in ("", "q"):
            return "q"
        elif said in _ANSWERS or said == "u":
            show.line(_ANSWERS.get(said, "undone"))
            return said
        else:
            show.line(KEYS)


class _Screen:
    """Where questions are shown."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._styled = stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._width = min(shutil.get_terminal_size((80, 24)).columns, WIDEST)

    def question(self, question: Question, where: str, ask: str, characters: int) -> None:
        names = ("A", "B") if len(question.sides) > 1 else ("",)
        self.line(self._faint(f"── {where} " + "─" * max(0, self._width - len(where) - 4)))
        for name, side in zip(names, question.sides, strict=True):
            self.line(self._bold(f"{name}  prompt".strip()))
            self._text(side.prompt, characters)
            self.line(self._bold(f"{name}  answer".strip()))
            self._text(side.answer, characters)
        self.line(f"{self._bold(ask)}  {KEYS}")

    def line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def _text(self, text: str, characters: int) -> None:
        for line in visible(text, characters).split("\n"):
            wrapped = textwrap.wrap(line, self._width - 4, replace_whitespace=False)
            for part in wrapped or [""]:
                self.line(f"    {part}")

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._styled else text

    def _faint(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._styled else text


@contextmanager
def _keys(source: TextIO) -> Iterator[Callable[[], str]]:
    """Reads a key from a terminal, which is as it was afterwards; from anything else the first letter of a line."""
    if not source.isatty():
        yield lambda: _letter(source.readline())
        return
    import termios
    import tty

    before = termios.tcgetattr(source)
    try:
        tty.setcbreak(source)
        yield _Pressed(source)
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)


def _letter(line: str) -> str:
    """The key that a line means; "" at the end of the input, and a space for what means nothing."""
    said = line.strip().lower()
    return (said[:1] if said in _WORDS else " ") if line else ""


class _Pressed:
    """One key at a time, also where several came at once; an arrow or the like, which sends several, means nothing."""

    def __init__(self, source: TextIO) -> None:
        self._source, self._waiting = source, ""

    def __call__(self) -> str:
        if not self._waiting:
            sent = os.read(self._source.fileno(), 64).decode("utf-8", "replace").lower()
            self._waiting = " " if sent.startswith("\x1b") else sent
        key, self._waiting = self._waiting[:1], self._waiting[1:]
        return "" if key == "\x04" else key  # Ctrl-D
