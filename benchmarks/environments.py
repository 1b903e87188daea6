"""Each peer in an environment of its own, made once from its pinned requirements"""

import hashlib
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
HOME = Path(__file__).resolve().parents[1] / ".venv-bench"
OURS = "assay"
"""The environment that runs this: for what needs nothing but what Assay has."""


class NoPeerError(Exception):
    """A peer's environment could not be made; the message is one line."""


def python_of(name: str, *, home: Path = HOME) -> Path:
    """The interpreter of the environment `name`, made where it is missing or its requirements have changed.

    Raises NoPeerError where pip cannot make it.
    """
    if name == OURS:
        return Path(sys.executable)
    wanted = (PEERS / f"{name}.txt").read_bytes()
    ready, python = home / name / ".ready", home / name / "bin" / "python"
    digest = hashlib.sha256(wanted).hexdigest()
    if not ready.exists() or ready.read_text(encoding="utf-8") != digest:
        print(f"making {home.name}/{name}, once", file=sys.stderr, flush=True)
        _call([sys.executable, "-m", "venv", "--clear", str(home / name)], name)
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _call([*install, "--requirement", str(PEERS / f"{name}.txt")], name)
        ready.write_text(digest, encoding="utf-8")
    return python


def requirements(name: str) -> dict[str, str]:
    """The pinned versions of an environment, by distribution."""
    lines = (PEERS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = (line.split("#")[0].strip() for line in lines)
    return dict(line.split("==") for line in pinned if line)


def _call(argv: list[str], name: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise NoPeerError(f"{name}: cannot be installed ({said[-1][:200] if said else done.returncode})")
