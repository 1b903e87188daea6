"""Which Prefect server a run is shown on: the one that is set, else one that runs here, else none."""

import os
import tomllib
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

PORT = 4200
DEFAULT = f"http://127.0.0.1:{PORT}/api"
"""Where `prefect server start` serves when nothing else is said."""

# On this machine a server answers in milliseconds, or nobody listens.
_SECONDS = 0.5


def server_url() -> str | None:
    """The API of a Prefect server, or null. An empty PREFECT_API_URL says none, whatever else is set or runs.

    Prefect itself is not asked: importing it takes seconds, and without a server nobody needs it.
    """
    said = os.environ.get("PREFECT_API_URL")
    if said is not None:
        return said or None
    return _configured() or (DEFAULT if _answers() else None)


def is_of_the_network(error: Exception) -> bool:
    """Whether Prefect's client failed because no server answered it."""
    return "Failed to reach API" in str(error) or type(error).__module__.partition(".")[0] in {"httpx", "httpcore"}


def forget_events() -> None:
    """Let go of what a server that went away was still to be told: at its end the process would try for minutes."""
    from queue import Empty

    from prefect.events.worker import EventsWorker

    # Prefect has no public way to do so; without these names the process ends later, and as well.
    for worker in list(getattr(EventsWorker, "_instances", {}).values()):
        queue = getattr(worker, "_queue", None)
        try:
            while queue is not None:
                queue.get_nowait()
        except Empty:
            continue


def _configured() -> str | None:
    """What prefect.toml, pyproject.toml or the active profile say, in Prefect's own order."""
    here = _toml(Path("prefect.toml")), _at(_toml(Path("pyproject.toml")), "tool", "prefect")
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    profiles = _toml(Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml"))
    active = os.environ.get("PREFECT_PROFILE") or profiles.get("active")
    profile = _at(profiles, "profiles", active)
    urls = [*(_at(content, "api", "url") for content in here), _at(profile, "PREFECT_API_URL")]
    return next((url for url in urls if isinstance(url, str) and url), None)


def _toml(path: Path) -> dict[str, Any]:
    """The content; nothing where the file is not there or cannot be read, which Prefect will say itself."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _at(content: Any, *keys: Any) -> Any:
    for key in keys:
        content = content.get(key, {}) if isinstance(content, dict) else {}
    return content


def _answers() -> bool:
    """Whether a Prefect server says that it is well."""
    connection = HTTPConnection("127.0.0.1", PORT, timeout=_SECONDS)
    try:
        connection.request("GET", "/api/health")
        answer = connection.getresponse()
        return answer.status == 200 and answer.read(16).strip() == b"true"
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
