"""Great Expectations in a process of its own, started early: its import and its work cost the run no waiting.

A thread would not do: importing and validating are Python, and would take turns with the stages. The
process is told of files by lines of JSON on its stdin, and ends when that closes, whatever became of us.
"""

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from checks.contract.rules import Finding, Rule, Where
from checks.contract.run import EngineError

# Our packages are found as they were here; the working folder, which may hold anything, is not looked at.
_START = "import sys; sys.path.append(sys.argv[1]); from checks.contract.process import serve; serve()"
_ROOT = Path(__file__).resolve().parents[2]
# Great Expectations imports these where they are installed, and does without: nothing here needs them.
_NOT_NEEDED = ("sqlalchemy", "boto3", "botocore", "pyspark")


class ContractProcess:
    """A process with Great Expectations imported, or about to be."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-c", _START, str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def session(self, rules: Sequence[Rule], folder: Path, *, docs: bool, run_name: str) -> "_Elsewhere":
        """checks.contract.run.Opens: a new session in the process, in place of an earlier one."""
        self.tell({"do": "open", "rules": rules, "folder": str(folder), "docs": docs, "run_name": run_name})
        return _Elsewhere(self)

    def tell(self, order: dict[str, Any]) -> None:
        """Send an order; it is carried out after those before it. Raises EngineError when nobody is there."""
        try:
            print(json.dumps(order), file=self._child.stdin, flush=True)
        except (OSError, ValueError) as error:
            raise EngineError("the contract's process has gone") from error

    def hear(self) -> Any:
        """The answer to the last order. Raises EngineError when there is none, or it is an error."""
        try:
            answer = json.loads(self._child.stdout.readline())  # type: ignore[union-attr]
        except (OSError, ValueError) as error:
            raise EngineError("the contract's process has gone") from error
        if "error" in answer:
            raise EngineError(answer["error"])
        return answer["findings"]

    def close(self) -> None:
        """End the process now, whatever it is doing."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]


class _Elsewhere(NamedTuple):
    """checks.contract.run.Engine, in the process."""

    process: ContractProcess

    def validate(self, suites: Sequence[str]) -> None:
        self.process.tell({"do": "validate", "suites": list(suites)})

    def findings(self) -> list[Finding]:
        self.process.tell({"do": "findings"})
        return [Finding(*found) for found in self.process.hear()]


_ready: ContractProcess | None = None
_stays = False


def ready_process() -> ContractProcess | None:
    """The process that was started for the run in hand; null where there is none."""
    return _ready


@contextmanager
def contract_process() -> Iterator[None]:
    """A process for contracts while this lasts, where one can be started; within another such context, the same."""
    global _ready
    outermost = _ready is None
    if _ready is not None and not _ready.alive:
        _end()
    if _ready is None:
        with suppress(OSError):
            _ready = ContractProcess()
    try:
        yield
    finally:
        if outermost and not _stays:
            _end()


@contextmanager
def one_process_for_many_runs() -> Iterator[None]:
    """Within it, what the first `contract_process` starts serves the later ones too: one import for many runs."""
    global _stays
    _stays = True
    try:
        yield
    finally:
        _stays = False
        _end()


def _end() -> None:
    global _ready
    if _ready is not None:
        _ready.close()
    _ready = None


def serve() -> None:
    """The process's own side: import Great Expectations, then carry out orders until stdin closes."""
    # Ctrl-C reaches the whole group; who started us ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    # What a library prints must not pass for an answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for name in _NOT_NEEDED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    # What an import makes stays: looking for garbage in it, again and again, takes a tenth of the time.
    gc.disable()
    from checks.expectations import Session, library

    library()
    gc.freeze()
    gc.enable()
    session: Any = None
    trouble = "no session is open"
    for line in orders:
        order = json.loads(line)
        kind, answer = order.pop("do"), None
        try:
            if kind == "open":
                session, trouble = Session(_rules(order.pop("rules")), Path(order.pop("folder")), **order), ""
            elif kind == "validate" and not trouble:
                session.validate(order["suites"])
            elif not trouble:
                answer = {"findings": session.findings()}
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
        if kind == "findings":
            print(json.dumps(answer or {"error": trouble}), file=answers, flush=True)


def _rules(told: list[list[Any]]) -> list[Rule]:
    """Rules as JSON holds them: lists in the order of their fields."""
    return [Rule._make([*rule, where and Where(where[0], tuple(where[1]), where[2])]) for *rule, where in told]
