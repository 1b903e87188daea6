"""Whether a process that works for this one is like it: the same code, the same arithmetic, the same folder."""

import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pipelines._processor import instructions
from pipelines._tally import take_in, tallied
from pipelines._versions import code_digest, version_of
from schemas.errors import UsageError

# What decides how a model's numbers are multiplied: another set may give other last bits, and so other bytes.
_ARITHMETIC = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16", "sve")

_ALONE = threading.Lock()

PROBE = "probe"
"""The file in a run's work folder that a worker proves with that it sees and may write the folder."""


class Self(NamedTuple):
    """What must be equal: Assay's code and the libraries that it asks for, Python, and the processor's arithmetic."""

    version: str
    code: str
    python: str
    processor: str


class Seen(NamedTuple):
    """What a worker says of itself and of the folder: what it read of the probe, or why it could not."""

    itself: Self
    host: str
    read: str
    why: str


class Asked(NamedTuple):
    """What every piece of work says of who asked for it."""

    by: Self
    function: Callable[[Any], Any]
    item: Any


@lru_cache(maxsize=1)
def myself() -> Self:
    """This process; worked out once."""
    able = " ".join(name for name in _ARITHMETIC if name in instructions().split())
    return Self(version_of("assay"), code_digest(), sys.version.split()[0], able)


def look(folder: str) -> Seen:
    """On a worker: what it is, and what it sees of `folder`, where it leaves a file for a moment."""
    host = os.uname().nodename
    try:
        read = (Path(folder) / PROBE).read_text(encoding="utf-8")
        left = Path(folder) / f"{PROBE}-{uuid.uuid4().hex}"
        left.write_text(read, encoding="utf-8")
        left.unlink()
        return Seen(myself(), host, read, "")
    except OSError as error:
        return Seen(myself(), host, "", error.strerror or type(error).__name__)


class Done(NamedTuple):
    """What came of a piece of work, and what was counted while it was done."""

    made: Any
    counted: dict[str, Any]


def work(asked: Asked) -> Done:
    """On a worker: do a piece of work for a process that is like this one. Raises UsageError for another.

    One piece at a time in a process, however many threads it has: models, and what they are run by, are shared.
    """
    if myself() != asked.by:
        raise UsageError(differs(myself(), asked.by, f"a worker on {os.uname().nodename}"))
    with _ALONE, tallied() as tally:
        return Done(asked.function(asked.item), tally.told())


def taken(done: Done) -> Any:
    """What a worker made; what it counted is counted here."""
    take_in(done.counted)
    return done.made


@contextmanager
def probe(folder: Path) -> Iterator[str]:
    """A word in `folder` that only who sees it can read."""
    word = uuid.uuid4().hex
    path = folder / PROBE
    path.write_text(word, encoding="utf-8")
    try:
        yield word
    finally:
        path.unlink(missing_ok=True)


def refuse_unlike(seen: Mapping[str, Seen], word: str, folder: Path) -> None:
    """Raises UsageError for the first worker, by its name, that is not like this process or does not see `folder`."""
    for name in sorted(seen):
        one = seen[name]
        if one.itself != myself():
            raise UsageError(differs(one.itself, myself(), f"worker {name} on {one.host}"))
        if one.read != word:
            why = f" ({one.why})" if one.why else ""
            raise UsageError(
                f"worker {name} on {one.host} does not see {folder}, or may not write there{why}; "
                "mount one shared folder under the same path on every worker, and choose --out in it"
            )


def differs(theirs: Self, ours: Self, who: str) -> str:
    """What is another there, and the remedy."""
    if theirs.version != ours.version:
        return f"{who} has Assay {theirs.version} and not {ours.version}; install the same version there"
    if theirs.python != ours.python:
        return f"{who} has Python {theirs.python} and not {ours.python}; use the same there"
    if theirs.code != ours.code:
        return f"{who} has other code of Assay {ours.version}, or of a library it asks for; install the same there"
    lacking = _first_difference(theirs.processor.split(), ours.processor.split())
    return (
        f"{who} has a processor that multiplies in another way ({lacking}), so that vectors would not be the same "
        "bytes; start the run on a machine like the workers, with no others among them"
    )


def _first_difference(theirs: Sequence[str], ours: Sequence[str]) -> str:
    more, fewer = sorted(set(theirs) - set(ours)), sorted(set(ours) - set(theirs))
    return f"with {more[0]}" if more else f"without {fewer[0] if fewer else 'something'}"
