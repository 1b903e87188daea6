"""What was found among a whole set of things, kept with the set: a set that shares most of it starts from there.

Unlike rows by key, such a finding (the closest neighbour, say) is true of its set only; whoever uses it works out
what the difference between the sets changes.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.cache.folders import CONTENTS, KeptFolder
from pipelines.cache.home import local_folder
from pipelines.cache.keys import made_by, places

MOST = 4
"""Sets kept of one maker. Each is a project, or a state of one, that is curated in turn."""

# With less of a set known, starting anew costs no more.
_SHARED = 0.5
_SET, _FOUND = "set.parquet", "found.parquet"


class Snapshot(NamedTuple):
    """`now` (before,) is where each member of the earlier set is in this one, -1 where it is gone.

    `known` (members,) marks those that were there before; `found` is what was kept.
    """

    now: NDArray[np.int64]
    known: NDArray[np.bool_]
    found: pl.DataFrame


def latest(root: str, kind: str, maker: str, members: pl.Series) -> Snapshot | None:
    """The kept set that shares most with `members` (strings, each once); null where none shares enough."""
    best, most = None, _SHARED * len(members)
    for name in _names(root, kind, maker):
        # Proven before it is read: what is no Parquet may do worse to a reader than raise.
        if not KeptFolder(root, kind, name).is_sound():
            continue
        with suppress(OSError, pl.exceptions.PolarsError):
            now = places(members, pl.read_parquet(local_folder(root) / kind / name / _SET)["member"])
            if (shared := int((now >= 0).sum())) >= most:
                best, most = (name, now), shared + 1
    if best is None:
        return None
    name, now = best
    try:
        # Files never change: what is proven now was sound when it was read.
        proven = KeptFolder(root, kind, name).find()
        if proven is None:
            return None
        found = pl.read_parquet(proven / _FOUND)
    except (OSError, pl.exceptions.PolarsError):  # another process removed it meanwhile
        return None
    known = np.zeros(len(members), dtype=np.bool_)
    known[now[now >= 0]] = True
    return Snapshot(now, known, found)


def keep(root: str, kind: str, maker: str, members: pl.Series, found: pl.DataFrame) -> None:
    """Keep `found` for this set, and MOST sets in all. Where it cannot be kept the run goes on without."""

    def write(folder: Path) -> None:
        members.alias("member").to_frame().write_parquet(folder / _SET)
        found.write_parquet(folder / _FOUND)

    with suppress(OSError):
        KeptFolder(root, kind, f"{maker}-{made_by(*members)}").keep(write)
        for name in _names(root, kind, maker)[MOST:]:
            shutil.rmtree(local_folder(root) / kind / name, ignore_errors=True)


def _names(root: str, kind: str, maker: str) -> list[str]:
    """The folders of this maker, the last used first."""
    used = []
    for path in (local_folder(root) / kind).glob(f"{maker}-*"):
        with suppress(OSError):
            used.append((-(path / CONTENTS).stat().st_mtime, path.name))
    return [name for _, name in sorted(used)]
