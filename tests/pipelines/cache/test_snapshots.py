"""Sets and what was found among them: the one that shares most is found, few are kept, damage is not believed."""

import os
from pathlib import Path

import polars as pl
import pytest

from pipelines.cache import snapshots, upkeep
from pipelines.cache.folders import CONTENTS

FOUND = pl.DataFrame({"value": [1]})


def names(*members: str) -> pl.Series:
    return pl.Series(members, dtype=pl.String)


def aged(root: Path, days: int) -> None:
    """As if everything there had been used that long ago."""
    for path in root.rglob(CONTENTS):
        used = path.stat().st_mtime - 86_400 * days
        os.utime(path, (used, used))


def test_the_set_that_shares_most_is_found(tmp_path: Path) -> None:
    snapshots.keep(str(tmp_path), "pairs", "m", names("a", "b", "x", "y"), pl.DataFrame({"value": [1]}))
    snapshots.keep(str(tmp_path), "pairs", "m", names("c", "b", "a"), pl.DataFrame({"value": [2]}))
    found = snapshots.latest(str(tmp_path), "pairs", "m", names("a", "b", "c", "d"))
    assert found is not None
    assert found.found["value"].to_list() == [2]
    assert found.now.tolist() == [2, 1, 0]
    assert found.known.tolist() == [True, True, True, False]


def test_what_shares_little_or_is_another_makers_is_not_found(tmp_path: Path) -> None:
    snapshots.keep(str(tmp_path), "pairs", "m", names("a"), FOUND)
    assert snapshots.latest(str(tmp_path), "pairs", "m", names("a", "b", "c")) is None
    assert snapshots.latest(str(tmp_path), "pairs", "other", names("a")) is None
    assert snapshots.latest(str(tmp_path), "nearest", "m", names("a")) is None


def test_the_last_used_are_kept(tmp_path: Path) -> None:
    for number in range(snapshots.MOST):
        snapshots.keep(str(tmp_path), "pairs", "m", names(f"{number}"), FOUND)
        aged(tmp_path, 1)
    assert snapshots.latest(str(tmp_path), "pairs", "m", names("0")) is not None  # used now
    snapshots.keep(str(tmp_path), "pairs", "m", names("new"), FOUND)
    left = [n for n in ("0", "1", "2", "3", "new") if snapshots.latest(str(tmp_path), "pairs", "m", names(n))]
    assert left == ["0", "2", "3", "new"]


@pytest.mark.parametrize("name", ["set.parquet", "found.parquet"])
def test_damage_is_not_believed(name: str, tmp_path: Path) -> None:
    snapshots.keep(str(tmp_path), "pairs", "m", names("a"), FOUND)
    (path,) = tmp_path.rglob(name)
    path.write_bytes(path.read_bytes()[:-1])
    assert snapshots.latest(str(tmp_path), "pairs", "m", names("a")) is None


def test_pruning_knows_them(tmp_path: Path) -> None:
    snapshots.keep(str(tmp_path), "pairs", "m", names("a"), FOUND)
    (kept,) = upkeep.contents(str(tmp_path))
    assert (kept.kind, kept.makers) == ("pairs", 1)
    upkeep.prune(str(tmp_path))
    assert snapshots.latest(str(tmp_path), "pairs", "m", names("a")) is None
