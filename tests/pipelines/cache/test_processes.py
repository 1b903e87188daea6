"""Real processes share one store: whatever they do at once, and however they end, no row is ever wrong."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl

from pipelines.cache.keys import text_keys
from pipelines.cache.store import Store
from pipelines.cache.upkeep import MANY, contents, prune

SCHEMA = pl.Schema({"n": pl.Int64(), "said": pl.String()})

BEGIN = """
import sys
import polars as pl
from pipelines.cache.keys import text_keys
from pipelines.cache.store import Store
from pipelines.cache.upkeep import prune

def frame(start, rows):
    names = [f"text {n}" for n in range(start, start + rows)]
    return pl.DataFrame({"key": text_keys(pl.Series(names)), "n": range(start, start + rows), "said": names})

store = Store(sys.argv[1], "checks", "v1", pl.Schema({"n": pl.Int64(), "said": pl.String()}))
mine = int(sys.argv[2])
"""
# Every process saves 260 rows of its own and 260 that all save, reading between, and nobody is ever shown a wrong row.
SHARE = """
for turn in range(26):
    store.save(frame(10_000 * mine + 10 * turn, 10))
    store.save(frame(10 * turn, 10))
    found = store.load(pl.concat([frame(0, 260), frame(10_000 * mine, 10 * turn + 10)])["key"])
    assert found["key"].is_unique().all()
    assert found["key"].equals(text_keys("text " + found["n"].cast(pl.String)))
"""
FOREVER = """
print("ready", flush=True)
while True:
    store.save(frame(mine, 60_000))
    mine += 20_000
"""
PRUNE = """
for _ in range(30):
    prune(sys.argv[1], max_bytes=10_000)
"""


def process(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"POLARS_MAX_THREADS": "1"},
    )


def finish(*running: subprocess.Popen[str]) -> None:
    for each in running:
        _, said = each.communicate(timeout=120)
        assert each.returncode == 0, said


def keys_from(start: int, rows: int) -> pl.Series:
    return text_keys(pl.Series([f"text {n}" for n in range(start, start + rows)]))


def test_processes_that_save_the_same_and_other_rows_at_once_lose_none(tmp_path: Path) -> None:
    finish(*[process(SHARE, tmp_path, number) for number in (1, 2, 3)])
    store = Store(str(tmp_path), "checks", "v1", SCHEMA)
    for start in (0, 10_000, 20_000, 30_000):
        assert sorted(store.load(keys_from(start, 260))["n"]) == list(range(start, start + 260))
    # 156 files were written; what was small became one on the way.
    assert contents(str(tmp_path))[0].files < 2 * MANY


def test_saving_while_another_process_prunes_goes_on(tmp_path: Path) -> None:
    finish(process(SHARE, tmp_path, 1), process(PRUNE, tmp_path, 0))
    assert Store(str(tmp_path), "checks", "v1", SCHEMA).load(keys_from(10_250, 10))["n"].len() in {0, 10}


def test_what_a_killed_process_leaves_is_whole_or_passed_over(tmp_path: Path) -> None:
    for turn in range(4):
        running = process(FOREVER, tmp_path, 200_000 * turn)
        assert running.stdout
        running.stdout.readline()
        time.sleep(0.15 + 0.11 * turn)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        found = Store(str(tmp_path), "checks", "v1", SCHEMA).load(keys_from(200_000 * turn, 60_000))
        assert found["key"].equals(text_keys("text " + found["n"].cast(pl.String)).alias("key"))


def test_what_a_killed_process_leaves_half_written_is_pruned_when_it_is_old(tmp_path: Path) -> None:
    Store(str(tmp_path), "checks", "v1", SCHEMA).save(
        pl.DataFrame({"key": keys_from(0, 1), "n": [0], "said": ["text 0"]})
    )
    folder = tmp_path / "checks" / "v1"
    (folder / ".left.123.abcd.aside").write_bytes(b"half")
    (folder / ".young.124.abcd.aside").write_bytes(b"half")
    long_ago = time.time() - 7_200
    os.utime(folder / ".left.123.abcd.aside", (long_ago, long_ago))
    prune(str(tmp_path), older_than=1)
    assert [path.name for path in folder.glob(".*aside")] == [".young.124.abcd.aside"]
    assert len(list(folder.glob("*.parquet"))) == 1
