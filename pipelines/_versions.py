"""What made a release: Python's and the libraries' versions, and a digest of Assay's own code."""

import hashlib
import os
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.resources import files
from pathlib import Path

LIBRARIES = (
    "polars", "datasets", "sentence-transformers", "torch", "faiss-cpu", "great-expectations", "prefect", "numpy",
)  # fmt: skip
"""Those that a report names."""

JUDGES = ("polars", "pydantic", "PyYAML")
"""Those that the gate reads reports, policies and rows with, beside Python."""

_PACKAGES = ("pipelines", "checks", "annotation", "schemas")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def version_of(package: str) -> str:
    """The installed version, or "unknown"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def versions() -> dict[str, str]:
    """Python and LIBRARIES, each with its version."""
    return _with_python(LIBRARIES)


def judges() -> dict[str, str]:
    """Python and JUDGES, each with its version."""
    return _with_python(JUDGES)


def _with_python(names: tuple[str, ...]) -> dict[str, str]:
    return {"python": sys.version.split()[0], **{name: version_of(name) for name in names}}


def code_digest() -> str:
    """SHA-256 (hex) over every file of Assay's packages, and the version of each package that it asks for.

    Two installs with equal digests give the same release for the same input.
    """
    digest = _own_code()
    for name in _asked_for():
        digest.update(f"{name} {version_of(name)}\0".encode())
    return digest.hexdigest()


def own_code_digest() -> str:
    """SHA-256 (hex) over every file of Assay's packages alone, whatever libraries are installed."""
    return _own_code().hexdigest()


def _own_code() -> "hashlib._Hash":
    digest = hashlib.sha256()
    for package in (str(files(name)) for name in _PACKAGES):
        for folder, below, names in os.walk(package):
            below[:] = sorted(name for name in below if name != "__pycache__")
            for path in (os.path.join(folder, name) for name in sorted(names)):
                digest.update(f"{os.path.relpath(path, package)}\0".encode())
                digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest


def _asked_for() -> list[str]:
    """The distributions that Assay's own names, extras too; LIBRARIES where it is not installed itself."""
    try:
        said = requires("assay") or []
    except PackageNotFoundError:
        said = []
    return sorted({*LIBRARIES, *(found[0] for one in said if (found := _NAME.match(one)))})
