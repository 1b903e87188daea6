"""Whatever befalls a file of the cache, what is loaded is what was saved, or nothing."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.cache.keys import text_keys
from pipelines.cache.store import Store
from pipelines.cache.vectors import VectorStore

SCHEMA = pl.Schema({"n": pl.Int32(), "said": pl.String()})
NOBODY = 65534


def frame_of(*numbers: int) -> pl.DataFrame:
    keys = text_keys(pl.Series("key", [str(number) for number in numbers]))
    return pl.DataFrame({"key": keys, "n": numbers, "said": [f"said {number}" for number in numbers]}).cast(
        dict(SCHEMA)
    )  # type: ignore[arg-type]


def saved(folder: Path, *numbers: int) -> Path:
    """The file that holds these rows."""
    before = set(folder.rglob("*.parquet"))
    Store(str(folder), "checks", "v1", SCHEMA).save(frame_of(*numbers))
    (path,) = set(folder.rglob("*.parquet")) - before
    return path


def loaded(folder: Path, *numbers: int) -> pl.DataFrame:
    return Store(str(folder), "checks", "v1", SCHEMA).load(frame_of(*numbers)["key"]).sort("n")


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    whole, expected = saved(tmp_path, *range(40)), frame_of(*range(40))
    content = whole.read_bytes()
    for at in range(0, len(content), 3):
        whole.write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
        found = loaded(tmp_path, *range(40))
        # The magic number at the very beginning says nothing about the rows.
        assert found.is_empty() or (at < 4 and found.equals(expected)), f"byte {at}"


def test_a_file_cut_anywhere_holds_nothing(tmp_path: Path) -> None:
    whole = saved(tmp_path, *range(40))
    content = whole.read_bytes()
    for length in range(0, len(content), 13):
        whole.write_bytes(content[:length])
        assert loaded(tmp_path, *range(40)).is_empty(), f"{length} bytes"


def test_a_flipped_bit_in_a_vector_is_noticed_and_the_vector_can_be_kept_again(tmp_path: Path) -> None:
    keys = text_keys(pl.Series(["sea", "hill"]))
    vectors = np.random.default_rng(1).standard_normal((2, 384)).astype(np.float16)
    store = VectorStore(str(tmp_path), "model")
    store.save(keys, np.zeros(2, dtype=bool), vectors)
    (path,) = tmp_path.rglob("*.parquet")
    content = path.read_bytes()
    at = content.index(vectors[1].tobytes()) + 100
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert len(VectorStore(str(tmp_path), "model").load(keys).keys) == 0
    store.save(keys, np.zeros(2, dtype=bool), vectors)
    assert len(VectorStore(str(tmp_path), "model").load(keys).keys) == 2


def test_one_altered_row_group_costs_its_rows_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.cache.files.GROUP_ROWS", 10)
    path = saved(tmp_path, *range(30))
    content = bytearray(path.read_bytes())
    content[content.index(b"PAR1") + 8] ^= 4
    path.write_bytes(content)
    assert loaded(tmp_path, *range(30))["n"].to_list() == list(range(10, 30))


def test_rows_lost_in_one_file_are_found_in_another(tmp_path: Path) -> None:
    paths = [saved(tmp_path, *range(20)), saved(tmp_path, *range(10, 30))]
    for path in paths:
        whole = path.read_bytes()
        path.write_bytes(whole[:10] + b"\0\0\0" + whole[13:])
        expected = range(10, 30) if path == paths[0] else range(20)
        assert loaded(tmp_path, *range(30))["n"].to_list() == list(expected)
        path.write_bytes(whole)


def test_what_lies_in_the_way_is_passed_over(tmp_path: Path) -> None:
    path = saved(tmp_path, 1, 2)
    foreign = path.with_name("0" * 32 + "-" + "0" * 32 + ".parquet")
    frame_of(3).write_parquet(foreign)
    path.with_name("1" * 32 + "-" + "1" * 32 + ".parquet").mkdir()
    path.with_name("2" * 32 + "-" + "2" * 32 + ".parquet").symlink_to("nowhere")
    frame_of(3).write_parquet(path.with_name("notes.parquet"))
    path.with_name("3" * 32 + "-" + "3" * 32 + ".parquet").touch()
    assert loaded(tmp_path, 1, 2, 3)["n"].to_list() == [1, 2]


def test_a_whole_file_of_another_maker_is_not_believed(tmp_path: Path, heard: list[str]) -> None:
    path = saved(tmp_path, 1, 2)
    other = tmp_path / "checks" / "v0" / path.name
    other.parent.mkdir()
    path.rename(other)
    assert loaded(tmp_path, 1, 2).is_empty()
    assert Store(str(tmp_path), "checks", "v0", SCHEMA).load(frame_of(1)["key"]).is_empty()
    assert [line.partition(";")[0] for line in heard] == [
        f"cache         holds what was damaged (checks/v0/{path.name})"
    ]
    other.rename(path)
    assert loaded(tmp_path, 1, 2)["n"].to_list() == [1, 2]


def test_a_file_that_another_process_removed_is_no_damage(tmp_path: Path, heard: list[str]) -> None:
    path = saved(tmp_path, *range(10))
    store = Store(str(tmp_path), "checks", "v1", SCHEMA)
    assert store.load(frame_of(1)["key"]).height == 1
    content = path.read_bytes()
    for harm in (path.unlink, lambda: path.write_bytes(content[:8] + b"\0\0\0" + content[11:])):
        harm()
        assert store.load(frame_of(1)["key"]).is_empty()
        path.write_bytes(content)
    # Only the second was damage, and it is told once.
    assert [line.partition(" (")[0] for line in heard] == ["cache         holds what was damaged"]


def test_a_folder_where_the_file_should_be_costs_the_cache(tmp_path: Path, heard: list[str]) -> None:
    path = saved(tmp_path, 1, 2)
    path.unlink()
    path.mkdir()
    Store(str(tmp_path), "checks", "v1", SCHEMA).save(frame_of(1, 2))
    assert loaded(tmp_path, 1, 2).is_empty()
    assert len(heard) == 1
    assert "cannot be written" in heard[0]


def test_a_file_where_the_folder_should_be_costs_the_cache(tmp_path: Path, heard: list[str]) -> None:
    (tmp_path / "checks").write_text("mine")
    store = Store(str(tmp_path), "checks", "v1", SCHEMA)
    for _ in range(3):
        store.save(frame_of(1, 2))
        assert store.load(frame_of(1, 2)["key"]).is_empty()
    Store(str(tmp_path), "checks", "v2", SCHEMA).save(frame_of(1))
    assert len(heard) == 1
    assert heard[0].startswith("cache         cannot be written (")
    assert (tmp_path / "checks").read_text() == "mine"


def test_a_scheme_that_nobody_knows_costs_the_cache(heard: list[str]) -> None:
    store = Store("nosuch://bucket", "checks", "v1", SCHEMA)
    store.save(frame_of(1))
    assert store.load(frame_of(1)["key"]).is_empty()
    assert "nosuch" in heard[0]


def test_without_rights_what_can_be_read_is_read(tmp_path: Path, heard: list[str]) -> None:
    """As root, who has every right, this is somebody else for a moment."""
    saved(tmp_path, 1, 2)
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    folder = tmp_path / "checks" / "v1"
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        assert loaded(tmp_path, 1, 2)["n"].to_list() == [1, 2]
        Store(str(tmp_path), "checks", "v1", SCHEMA).save(frame_of(3))
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
    assert heard == [
        "cache         cannot be written ([Errno 13] Permission denied: " + heard[0].partition("denied: ")[2]
    ]
    assert loaded(tmp_path, 1, 2, 3)["n"].to_list() == [1, 2]


FULL_DISK = """
import resource, sys
import polars as pl
from pipelines._progress import ConsoleReporter, report_to
from pipelines.cache.keys import text_keys
from pipelines.cache.store import Store
report_to(ConsoleReporter())
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
store = Store(sys.argv[1], "checks", "v1", pl.Schema({"said": pl.String()}))
frame = pl.DataFrame({"key": text_keys(pl.Series(map(str, range(9000))))}).with_columns(said="key")
store.save(frame)
store.save(frame)
print(store.load(frame["key"]).height)
"""


def test_a_full_disk_costs_the_cache_and_not_the_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "0\n"
    assert done.stderr.count("\n") == 1
    assert "cannot be written ([Errno 27] File too large); the run goes on" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_that_goes_while_it_is_read_is_passed_over(tmp_path: Path) -> None:
    path = saved(tmp_path, *range(10))
    store = Store(str(tmp_path), "checks", "v1", SCHEMA)
    assert store.load(frame_of(*range(10))["key"]).height == 10
    path.unlink()
    assert store.load(frame_of(*range(10))["key"]).is_empty()
    saved(tmp_path, *range(5))
    assert_frame_equal(store.load(frame_of(*range(10))["key"]).sort("n"), frame_of(*range(5)))
