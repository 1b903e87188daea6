"""The cache stays small, what was not used goes first, and nothing goes that is not the cache's own."""

import os
import time
import uuid
from pathlib import Path

import polars as pl
import pytest

from pipelines.cache.files import CacheFile
from pipelines.cache.folders import KeptFolder
from pipelines.cache.keys import text_keys
from pipelines.cache.place import place_at
from pipelines.cache.store import Store
from pipelines.cache.upkeep import MANY, Freed, contents, prune

SCHEMA = pl.Schema({"n": pl.Int64()})
DAY = 86_400


def save(root: Path | str, kind: str, *numbers: int, days_ago: float = 0) -> None:
    """A file of a row for each number, last used so long ago."""
    place = place_at(str(root))
    before = {entry.path for entry in place.entries()}
    keys = text_keys(pl.Series([str(number) for number in numbers]))
    Store(str(root), kind, "v1", SCHEMA).save(pl.DataFrame({"key": keys, "n": numbers}))
    for entry in place.entries():
        if entry.path not in before:
            place.touch(entry.path, time.time() - days_ago * DAY)


def known(root: Path | str, kind: str, *numbers: int) -> list[int]:
    keys = text_keys(pl.Series([str(number) for number in numbers]))
    return sorted(Store(str(root), kind, "v1", SCHEMA).load(keys)["n"])


def test_what_is_stored_is_told_by_kind(tmp_path: Path) -> None:
    assert contents(str(tmp_path)) == []
    save(tmp_path, "tokens", 1, days_ago=3)
    save(tmp_path, "checks", 1)
    save(tmp_path, "checks", 2)
    (tmp_path / "checks" / "v1" / "notes.txt").write_text("mine")
    checks, tokens = contents(str(tmp_path))
    assert (checks.kind, checks.makers, checks.files) == ("checks", 1, 2)
    assert checks.bytes == sum(path.stat().st_size for path in tmp_path.glob("checks/v1/*.parquet"))
    assert (tokens.kind, tokens.files) == ("tokens", 1)
    assert time.time() - tokens.used == pytest.approx(3 * DAY, abs=60)


def test_what_was_not_used_for_long_goes(tmp_path: Path) -> None:
    save(tmp_path, "tokens", 1, days_ago=40)
    save(tmp_path, "tokens", 2, days_ago=20)
    size = (tmp_path / "tokens" / "v1").stat()
    assert size
    assert prune(str(tmp_path), older_than=30).files == 1
    assert known(tmp_path, "tokens", 1, 2) == [2]


def test_the_longest_unused_go_until_the_rest_is_small_enough(tmp_path: Path) -> None:
    for number, days in ((1, 5), (2, 9), (3, 1), (4, 7)):
        save(tmp_path, "tokens" if number % 2 else "checks", number, days_ago=days)
    each = contents(str(tmp_path))[0].bytes // 2
    assert prune(str(tmp_path), max_bytes=4 * each + 10) == Freed(0, 0)
    assert prune(str(tmp_path), max_bytes=2 * each + 10).files == 2
    assert known(tmp_path, "tokens", 1, 2, 3, 4) == [1, 3]
    assert known(tmp_path, "checks", 1, 2, 3, 4) == []
    assert prune(str(tmp_path), max_bytes=0).files == 2
    assert contents(str(tmp_path)) == []


def test_loading_is_using(tmp_path: Path) -> None:
    save(tmp_path, "tokens", 1, days_ago=40)
    save(tmp_path, "tokens", 2, days_ago=40)
    assert known(tmp_path, "tokens", 1) == [1]
    prune(str(tmp_path), older_than=30)
    assert known(tmp_path, "tokens", 1, 2) == [1]


def test_everything_goes_where_nothing_is_said_but_only_ours(tmp_path: Path) -> None:
    save(tmp_path, "tokens", 1)
    KeptFolder(str(tmp_path), "models", "m1").keep(lambda folder: (folder / "weights.bin").write_bytes(b"w" * 100))
    # As versions before this one stored vectors.
    before = tmp_path / "embeddings" / ("a" * 24) / ("b" * 24 + ".parquet")
    before.parent.mkdir(parents=True)
    before.write_bytes(b"old")
    foreign = [
        "notes.txt",
        "tokens/data.parquet",
        "tokens/v1/train.parquet",
        "models/mine/weights.bin",
        "embeddings/x.parquet",
    ]
    for name in foreign:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("mine")
    assert prune(str(tmp_path)).files == 4
    left = sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"
    )
    assert left == sorted(foreign)


def test_an_emptied_folder_goes_too(tmp_path: Path) -> None:
    save(tmp_path, "tokens", 1)
    prune(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_many_small_files_become_one_on_the_way(tmp_path: Path) -> None:
    for number in range(MANY + 5):
        save(tmp_path, "tokens", number, number + 1)
    assert len(list(tmp_path.rglob("*.parquet"))) <= 6
    assert known(tmp_path, "tokens", *range(MANY + 6)) == list(range(MANY + 6))
    rows = sum(
        CacheFile(place_at(str(tmp_path)), entry).keys.height
        for entry in place_at(str(tmp_path)).entries()
        if entry.bytes
    )
    assert rows <= MANY + 6 + 6


def test_merging_keeps_the_time_of_use_and_leaves_what_is_damaged(tmp_path: Path) -> None:
    for number in range(9):
        save(tmp_path, "tokens", number, days_ago=20 - number)
    files = sorted(tmp_path.rglob("*.parquet"), key=lambda path: path.stat().st_mtime)
    used = files[0].stat().st_mtime
    files[0].write_bytes(files[0].read_bytes()[:-3])
    os.utime(files[0], (used, used))
    prune(str(tmp_path), older_than=30)
    assert len(list(tmp_path.rglob("*.parquet"))) == 2
    assert known(tmp_path, "tokens", *range(9)) == list(range(1, 9))
    assert time.time() - contents(str(tmp_path))[0].used == pytest.approx(0, abs=60)


def test_a_store_behind_a_url_is_pruned_and_merged(tmp_path: Path) -> None:
    root = f"memory://{uuid.uuid4().hex}"
    for number in range(10):
        save(root, "tokens", number)
    assert contents(root)[0].files == 10
    prune(root, older_than=1)
    assert contents(root)[0].files == 1
    assert known(root, "tokens", *range(10)) == list(range(10))
    assert prune(root).files == 1
    assert contents(root) == []
