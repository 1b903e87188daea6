"""The Argilla server's own environment: made once from the locked list, in the user's cache.

Its needs and Assay's differ, so they never share one. A folder counts only once it is marked ready; what an
interrupted install left is made again.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from annotation.server.embedded.locks import exclusive
from schemas.errors import AnnotationError

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
VERSION = "2.8.0"  # of argilla-server
# A cold download on a slow line; an install from a warm cache takes half a minute.
INSTALL_SECONDS, PROBE_SECONDS = 1800, 60
# One of another list that no start has used for so long goes when a new one is made (590 MB each).
UNUSED_SECONDS = 30 * 86_400.0

_READY = ".ready"
_PROBE = f"from importlib.metadata import version; assert version('argilla-server') == '{VERSION}'; import fakeredis"


def python(progress: Callable[[str], None]) -> Path:
    """The environment's python, made when it is not there yet. ASSAY_ARGILLA_PYTHON names another.

    Raises AnnotationError when it cannot be made or, named, is not one.
    """
    if named := os.environ.get("ASSAY_ARGILLA_PYTHON"):
        return _checked(Path(named))
    folder = cache() / f"argilla-server-{_digest()}"
    try:
        return _ready(folder, progress)
    except OSError as error:
        raise AnnotationError(
            f"{folder}: the Argilla server's environment cannot be made ({error.strerror or error}); "
            "set XDG_CACHE_HOME to a folder that can be written"
        ) from error


def cache() -> Path:
    """The user's cache folder of Assay: XDG_CACHE_HOME/assay, else ~/.cache/assay. Not made here."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "assay"


def clean_environ() -> dict[str, str]:
    """The caller's environment without what would lead another python astray."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def _ready(folder: Path, progress: Callable[[str], None]) -> Path:
    if not _is_ready(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(folder.with_suffix(".lock")) as lock:
            if not _is_ready(folder):
                _make(folder, lock, progress)
                _prune(folder)
    with suppress(OSError):  # a cache that may only be read serves too
        (folder / _READY).touch()  # used now
    return folder / "bin" / "python"


def _prune(kept: Path) -> None:
    """Remove the environments of other lists that nobody uses."""
    for ready in kept.parent.glob(f"argilla-server-*/{_READY}"):
        folder = ready.parent
        if folder != kept and time.time() - ready.stat().st_mtime > UNUSED_SECONDS and not _is_running(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(folder: Path) -> bool:
    inside = os.fsencode(folder / "bin")
    for said in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if said.read_bytes().startswith(inside):
                return True
    return False


def _is_ready(folder: Path) -> bool:
    # The second fails when the python that the environment was made with is gone.
    return (folder / _READY).exists() and (folder / "bin" / "python").exists()


def _digest() -> str:
    said = REQUIREMENTS.read_bytes() + repr((sys.version_info[:3], sys.platform, sys.base_prefix)).encode()
    return hashlib.sha256(said).hexdigest()[:16]


def _make(folder: Path, lock: int, progress: Callable[[str], None]) -> None:
    progress("making the Argilla server's environment (about a minute, once)")
    shutil.rmtree(folder, ignore_errors=True)
    inside = str(folder / "bin" / "python")
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "-r", str(REQUIREMENTS)]
    _run([sys.executable, "-m", "venv", str(folder)], "be made", lock)
    _run([inside, "-I", "-m", "pip", *install], "be filled", lock)
    _run([inside, "-I", "-c", _PROBE], "be used", lock)
    (folder / _READY).touch()


def _run(command: list[str], what: str, lock: int) -> None:
    try:
        done = subprocess.run(
            command,
            env=clean_environ(),
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
            pass_fds=(lock,),  # it outlives a killed caller, and nobody must begin anew beside it
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AnnotationError(f"the Argilla server's environment cannot {what} ({error}); try again") from error
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["no reason given"]
        errors = [line for line in said if line.startswith("ERROR")] or said
        raise AnnotationError(
            f"the Argilla server's environment cannot {what} ({errors[-1].strip()[:300]}); "
            f"check that pip reaches a package index, or name a python that has argilla-server {VERSION} "
            "in ASSAY_ARGILLA_PYTHON"
        )


def _checked(named: Path) -> Path:
    try:
        done = subprocess.run(
            [named, "-I", "-c", _PROBE], env=clean_environ(), capture_output=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AnnotationError(f"ASSAY_ARGILLA_PYTHON={named}: cannot be run ({error}); name a python") from error
    if done.returncode:
        raise AnnotationError(
            f"ASSAY_ARGILLA_PYTHON={named}: has no argilla-server {VERSION} with fakeredis; install {REQUIREMENTS} "
            "into it with --no-deps, or unset the variable"
        )
    return named
