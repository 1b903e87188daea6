"""Texts of our own by which an int8 model is calibrated, and every converted model is held to its promise."""

from functools import cache
from importlib.resources import files

# Lines that are joined, so that long texts are among them too.
_JOINED = (3, 9)
# Of the joined ones this one in so many is embedded once more, to hold a model to its promise.
_PROVEN = 10


@cache
def calibration_texts() -> tuple[str, ...]:
    """Instructions, answers, code and dialogues in some thirty languages: from one word to beyond the window."""
    return (*_lines(), *_joined())


def proof_texts() -> tuple[str, ...]:
    """Those of the texts that are embedded twice, many of them in pairs that say almost the same."""
    return (*_lines(), *_joined()[::_PROVEN])


@cache
def _lines() -> tuple[str, ...]:
    content = (files(__package__) / "calibration.txt").read_text(encoding="utf-8")
    return tuple(line.replace("\\n", "\n") for line in content.splitlines())


def _joined() -> tuple[str, ...]:
    lines = _lines()
    return tuple("\n".join(lines[start : start + size]) for size in _JOINED for start in range(0, len(lines), size))
