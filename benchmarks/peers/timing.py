"""What every side of a line shares: its arguments, a stopwatch, and how it says what it found

For all environments: nothing but the standard library.
"""

import json
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any


class Stopwatch:
    """Wall and CPU seconds of a block, children included once they ended."""

    def __enter__(self) -> "Stopwatch":
        self._began = time.monotonic(), _cpu()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.wall, self.cpu = time.monotonic() - self._began[0], _cpu() - self._began[1]

    def said(self) -> dict[str, float]:
        return {"wall": self.wall, "cpu": self.cpu}


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def arguments() -> tuple[Path, Path, dict[str, str]]:
    """`SCRIPT IN OUT [name=value]...`: what is read, the JSON file to write, and the rest."""
    source, out, *more = sys.argv[1:]
    return Path(source), Path(out), dict(each.split("=", 1) for each in more)


def read_texts(path: Path) -> list[str]:
    """The `text` of every line of a file of JSON lines."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def say(out: Path, **facts: Any) -> None:
    """Write what was found."""
    out.write_text(json.dumps(facts), encoding="utf-8")
