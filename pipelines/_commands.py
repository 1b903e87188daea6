"""What all commands share: every error becomes one line and its exit code, and signals end a run cleanly.

Exit codes: 0 done, 1 done but the gate failed or data was refused, 2 the call or its input is
unusable. Results go to stdout, everything else to stderr; an error is one line with its remedy.
"""

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC, EROFS
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from schemas.errors import AssayError

# What a shell expects of a program ended by a signal: 128 + SIGINT, 128 + SIGTERM.
INTERRUPTED, TERMINATED = 130, 143
TRACEBACK = "ASSAY_TRACEBACK"
"""Set it, and an error that nobody foresaw is shown with its traceback."""

# As Rust's libraries and numpy put it.
_FULL = re.compile(rf"os error ({ENOSPC}|{EDQUOT})\b|No space left on device|\d+ requested and \d+ written")
_READ_ONLY = re.compile(rf"os error {EROFS}\b|Read-only file system")

# The parser's own errors; typer exports only the one below them.
_CallError: Any = typer.BadParameter.__base__


class _Terminated(KeyboardInterrupt):
    """SIGTERM, taken the way of Ctrl-C: the work folder goes with us."""


def _terminate(*_: Any) -> NoReturn:
    raise _Terminated


@contextmanager
def terminable() -> Iterator[None]:
    """Within it, SIGTERM ends the work the way Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Commands(TyperGroup):
    """Every error becomes one line and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except AssayError as error:
            _fail(str(error), error.exit_code)
        except _CallError as error:
            where = error.ctx.command_path if error.ctx else "assay"
            _fail(f"{error.format_message().rstrip('.')}; see `{where} --help`", 2)
        except KeyboardInterrupt as stop:
            word, code = ("terminated", TERMINATED) if isinstance(stop, _Terminated) else ("interrupted", INTERRUPTED)
            _fail(f"{word}; run the same command again, it goes on where this one stopped", code)
        except BrokenPipeError:
            # The reader has gone (`assay explain ... | head`); nothing is wrong.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:
            if why := _of_the_disk(error):
                _fail(f"{why}; then run the same command again: an earlier release is as it was", 2)
            if isinstance(error, OSError):
                _unforeseen(error, "check that the disk has room and the folder may be written, then run it again")
            _unforeseen(error, f"please report it; {TRACEBACK}=1 shows where it happened")


def _of_the_disk(error: Exception) -> str | None:
    """What the disk refused and what to do, however a library wraps it; else null."""
    said = str(error)
    # numpy tells of a short write by its counts alone.
    if getattr(error, "errno", None) in {ENOSPC, EDQUOT} or _FULL.search(said):
        return "the disk is full: free some room"
    if getattr(error, "errno", None) == EROFS or _READ_ONLY.search(said):
        return "the disk may only be read: make it writable, or choose another folder"
    return None


def _unforeseen(error: Exception, remedy: str) -> NoReturn:
    if os.environ.get(TRACEBACK):
        raise error
    said = (str(error).strip().splitlines() or ["no message"])[0][:300]
    _fail(f"{type(error).__name__}: {said}; {remedy}", 2)


def _fail(message: str, code: int) -> NoReturn:
    line = " ".join("".join(char if char.isprintable() else " " for char in message).split())
    typer.echo(f"assay: {line}", err=True)
    raise typer.Exit(code) from None


Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
