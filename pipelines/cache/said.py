"""What the cache has to say to the person who waits: each thing once in a process, whatever happens again."""

from pipelines._progress import reporter

# What was said already, by place.
_told: set[tuple[str, str]] = set()


def unwritable(root: str, error: Exception) -> None:
    """The disk is full, or may not be written."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    _say(root, "unwritable", f"cannot be written ({reason}); the run goes on, what it makes is not kept")


def damaged(root: str, path: str) -> None:
    """Something of ours there is not what was written."""
    _say(root, "damaged", f"holds what was damaged ({path}); it is not used, and made again where it is needed")


def _say(root: str, what: str, text: str) -> None:
    if (root, what) not in _told:
        _told.add((root, what))
        reporter().line(f"cache         {text}")
