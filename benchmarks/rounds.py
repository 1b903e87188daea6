"""Rounds: every side of a group once, one after the other; kept as they end, so that a stopped run goes on"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import Measured

ROOT = Path(__file__).resolve().parents[1]
# Code that a figure may depend on: not documents and tests, and not how the table is written.
_CODE = (
    "constraints.txt",
    "pipelines/**/*.py",
    "checks/**/*.py",
    "schemas/**/*.py",
    "benchmarks/ours/*.py",
    "benchmarks/*_ours.py",
    "benchmarks/loop/*.py",
    "benchmarks/sides.py",
    "benchmarks/rows.py",
    "benchmarks/peers/*",
)


class Round(NamedTuple):
    """One round: when it ended (ISO 8601, UTC), what each side measured, why sides failed, and what was agreed on."""

    when: str
    sides: dict[str, Measured]
    failed: dict[str, str]
    agreed: dict[str, tuple[bool, str]]


def code_digest(root: Path = ROOT) -> str:
    """Names the code that is measured: another digest, and what was measured before is measured again."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _CODE for path in root.glob(pattern) if path.is_file()}):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


class Kept:
    """The rounds of one group on disk, for one state of the code."""

    def __init__(self, folder: Path, group: str, code: str) -> None:
        self._folder, self._group, self._code = folder / "rounds", group, code

    def rounds(self, count: int) -> list[Round | None]:
        """Rounds 1 to `count`; null for one that is missing, unreadable, or of other code."""
        return [self._read(number) for number in range(1, count + 1)]

    def write(self, number: int, done: Round) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        sides = {name: measured._asdict() for name, measured in done.sides.items()}
        content = {**done._asdict(), "sides": sides, "code": self._code}
        new = self._path(number).with_suffix(".new")
        new.write_text(json.dumps(content, indent=1), encoding="utf-8")
        new.replace(self._path(number))

    def forget(self) -> None:
        """All rounds of the group, of whatever code."""
        for path in self._folder.glob(f"{self._group}.*.json"):
            path.unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._group}.{number}.json"

    def _read(self, number: int) -> Round | None:
        try:
            content: dict[str, Any] = json.loads(self._path(number).read_text(encoding="utf-8"))
            sides = {name: Measured(**measured) for name, measured in content["sides"].items()}
            agreed = {name: (bool(holds), str(said)) for name, (holds, said) in content["agreed"].items()}
            done = Round(content["when"], sides, dict(content["failed"]), agreed)
            return done if content["code"] == self._code else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def perform(
    sides: Mapping[str, Callable[[], Measured]],
    needed: Iterable[str],
    errors: tuple[type[Exception], ...],
    say: Callable[[str], None],
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Run each of `needed` once, in the order of `sides`. Returns what was measured, and why others failed."""
    measured: dict[str, Measured] = {}
    failed: dict[str, str] = {}
    wanted = set(needed)
    for name, side in sides.items():
        if name not in wanted:
            continue
        try:
            measured[name] = done = side()
            say(f"{name:<22} {done.wall:>8.2f} s wall {done.cpu:>8.2f} s CPU {done.peak / 2**20:>7,.0f} MB")
        except errors as error:
            failed[name] = str(error)
            say(f"{name:<22} failed: {error}")
    return measured, failed


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
