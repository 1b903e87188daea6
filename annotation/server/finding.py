"""The server that is there: where it is, how it is, and whether it is ours to ask."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from annotation.server import process
from annotation.server.embedded.locks import holder
from schemas.errors import AnnotationError


class Health(NamedTuple):
    """How the server of a store is. All but `running` and `pid` is null when it does not answer."""

    running: bool
    url: str | None
    pid: int | None
    version: str | None  # of argilla-server
    engine: str | None  # the search engine's name
    datasets: int | None


class Endpoint(NamedTuple):
    url: str
    api_key: str


def folder_of(home: Path) -> Path:
    """Where the embedded server of this store keeps everything. Not made here."""
    return home / "argilla"


def health(home: Path) -> Health:
    """How the store's server is. Raises nothing: what cannot be asked is null."""
    try:
        found, pid = process.address(folder_of(home)), holder(folder_of(home) / "server.lock")
    except OSError:
        return Health(False, None, None, None, None, None)
    said = process.status(found.url) if found else None
    if found is None or said is None:
        return Health(pid is not None, None, pid or None, None, None, None)
    return Health(True, found.url, found.pid, *_names(said), _datasets(found))


def target(home: Path) -> Health:
    """How the server is that `endpoint` names; without a URL where there is none, or it does not answer yet.

    Raises AnnotationError as `endpoint` does, but for a missing server.
    """
    if os.environ.get("ARGILLA_API_URL") or os.environ.get("ARGILLA_API_KEY"):
        url = endpoint(home).url
        said = process.status(url)
        return Health(said is not None, url, None, *_names(said or {}), None)
    with ours(folder_of(home)):
        process.address(folder_of(home))
    return health(home)


def endpoint(home: Path) -> Endpoint:
    """Where the Argilla to work with is, and the key: ARGILLA_API_URL and ARGILLA_API_KEY, else the store's server.

    Raises AnnotationError when there is neither, or one variable without the other.
    """
    url, key = os.environ.get("ARGILLA_API_URL"), os.environ.get("ARGILLA_API_KEY")
    if url and key:
        return Endpoint(url.rstrip("/"), key)
    if url or key:
        missing = "ARGILLA_API_KEY" if url else "ARGILLA_API_URL"
        raise AnnotationError(f"{missing} is not set; set both variables, or neither for the embedded server")
    with ours(folder_of(home)):
        found = process.address(folder_of(home))
    if found:
        return Endpoint(found.url, found.api_key)
    raise AnnotationError("no Argilla server: run `assay annotate serve`, or set ARGILLA_API_URL and ARGILLA_API_KEY")


@contextmanager
def ours(folder: Path) -> Iterator[None]:
    """Within it, a file that may not be read is said to be another user's."""
    try:
        yield
    except PermissionError as error:
        raise AnnotationError(
            f"{folder}: {error.strerror}: this store is another user's; let that user do it, "
            "or set ASSAY_HOME to a store of your own"
        ) from error


def _names(said: dict[str, Any]) -> tuple[str | None, str | None]:
    return said.get("version"), (said.get("search_engine") or {}).get("name")


def _datasets(found: process.Address) -> int | None:
    try:
        answer = httpx.get(
            f"{found.url}/api/v1/me/datasets",
            headers={"X-Argilla-Api-Key": found.api_key},
            timeout=process.ASK_SECONDS,
            trust_env=False,
        )
        return len(answer.raise_for_status().json()["items"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return None
