"""Where the cache is: ASSAY_CACHE, else the platform's folder."""

import os
from pathlib import Path


def default_cache() -> str:
    """A folder's path, or a URL that fsspec knows (`s3://...`, `memory://...`) where ASSAY_CACHE names one."""
    return os.environ.get("ASSAY_CACHE") or str(_platform_folder())


def is_remote(root: str) -> bool:
    """Whether `root` is a URL of another place than this machine's files.

    >>> is_remote("s3://bucket/assay"), is_remote("file:///var/assay"), is_remote("/var/assay")
    (True, False, False)
    """
    return "://" in root and not root.startswith("file://")


def local_folder(root: str) -> Path:
    """The folder that `root` names; the platform's where `root` is a URL of another place."""
    return _platform_folder() if is_remote(root) else Path(root.removeprefix("file://")).expanduser()


def _platform_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assay"
