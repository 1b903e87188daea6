"""manifest.json: what a release says about itself, written last. Without it there is no release."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MANIFEST = "manifest.json"


class FileEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: str  # POSIX, below the release's folder
    sha256: str
    bytes: int


class InputEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: str  # as the ledger names it
    path: str | None  # where it was read, relative to the release or absolute; null when it is not one local file
    sha256: str | None
    bytes: int | None
    status: Literal["read", "refused"]


class Manifest(BaseModel):
    """Inputs, settings, versions, counts and the hash of every file beside it."""

    model_config = ConfigDict(extra="forbid")

    manifest_version: Literal[1] = 1
    assay_version: str
    run_id: str
    created: str  # ISO 8601, UTC
    seed: int
    sources: list[str]  # as they were given, to be given again
    settings: dict[str, Any]
    versions: dict[str, str]
    # Digests of code, environment, benchmarks and the like, by which a later run knows that nothing changed.
    surroundings: dict[str, str] = Field(default_factory=dict)
    inputs: list[InputEntry]
    counts: dict[str, int]  # the ledger's outcomes, and `ledger` for their sum
    policy: dict[str, Any]  # the policy the report's verdict was made with
    files: list[FileEntry]  # sorted by path
