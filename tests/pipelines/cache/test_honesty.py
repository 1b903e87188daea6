"""Whatever befalls the cache, a run makes what it would make without one, and says once that something was wrong."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines import _searched
from pipelines.cache.folders import CONTENTS
from pipelines.cache.upkeep import prune

THINGS = ("hammer", "kettle", "ledger", "sextant", "trellis", "gasket", "prism", "anvil", "loom", "wedge")
ROWS = [
    {"instruction": f"Explain what a {one} is.", "output": f"Every {one} has its use in a workshop."} for one in THINGS
]
# What the steps look up when nothing has changed.
STEPS = ("measured", "checked", "prepared", "signed", "embedded", "compared", "neighbours")
LAYERS = {
    "measures", "verdicts", "verdict-sets", "training", "signatures", "embeddings", "toxicity", "pairs", "nearest",
}  # fmt: skip
SETTINGS: dict[str, Any] = {"score": {"toxicity": "prompts"}, "training": {"target": "openai"}}
YEAR = 365 * 86_400


class Known:
    """A project, a cache that knows all of it, and what its stages made without one."""

    def __init__(self, project: Any, cache: Path) -> None:
        self.project, self.cache = project, cache
        project.run(**SETTINGS)
        self.expected = self.made()

    def made(self) -> dict[str, pl.DataFrame]:
        """What stayed at the end, and what each stage took out."""
        paths = [self.project.work / "split.parquet", *sorted(self.project.work.glob("*.dropped.parquet"))]
        return {path.name: pl.read_parquet(path) for path in paths}

    def again(self) -> dict[str, tuple[int, int]]:
        """The counts of a run that has to make the same."""
        counts: dict[str, tuple[int, int]] = self.project.run(**SETTINGS)
        made = self.made()
        assert made.keys() == self.expected.keys()
        for name, frame in made.items():
            assert_frame_equal(frame, self.expected[name])
        return counts


@pytest.fixture(scope="module")
def known(staged: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("ASSAY_CACHE", str(cache))
        patch.setenv("ASSAY_HOME", str(tmp_path_factory.mktemp("home")))
        # So few are not worth looking up, but what is looked up is looked up alike.
        patch.setattr(_searched, "_WORTH", 2)
        project = staged(tmp_path_factory.mktemp("project"))
        project.holds(ROWS)
        made = Known(project, cache)
        assert {path.name for path in cache.iterdir()} == LAYERS
        yield made


@pytest.fixture
def cache(known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the cache, which the next run uses."""
    copy = Path(shutil.copytree(known.cache, tmp_path / "cache"))
    monkeypatch.setenv("ASSAY_CACHE", str(copy))
    return copy


def kept_in(cache: Path) -> list[Path]:
    """Every file that holds something, in every layer."""
    return sorted(path for path in cache.rglob("*.parquet") if path.is_file())


def test_a_cache_that_is_whole_is_used_and_nothing_is_said(known: Known, cache: Path, heard: list[str]) -> None:
    counts = known.again()
    assert {step: counts[step][1] for step in STEPS} == dict.fromkeys(STEPS, 0)
    assert [line for line in heard if line.startswith("cache")] == []


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 16
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [flip, cut, empty])
def test_what_was_damaged_in_any_layer_is_made_again(
    known: Known, cache: Path, heard: list[str], harm: Callable[[Path], None]
) -> None:
    for path in kept_in(cache):
        harm(path)
    counts = known.again()
    assert {step: counts[step][1] for step in STEPS} == {step: counts[step][0] for step in STEPS}
    (line,) = [line for line in heard if line.startswith("cache")]
    assert "holds what was damaged" in line


def test_files_in_the_place_of_others_are_not_believed(known: Known, cache: Path, heard: list[str]) -> None:
    files = kept_in(cache)
    contents = [path.read_bytes() for path in files]
    for path, content in zip(files, [*contents[1:], contents[0]], strict=True):
        path.write_bytes(content)
    counts = known.again()
    assert {step: counts[step][1] for step in STEPS} == {step: counts[step][0] for step in STEPS}
    assert len([line for line in heard if "holds what was damaged" in line]) == 1


def test_uses_in_the_future_are_uses(known: Known, cache: Path) -> None:
    """The clock was wrong when they were written, or is wrong now."""
    ahead = time.time() + 3 * YEAR
    files = [*kept_in(cache), *cache.rglob(CONTENTS)]
    for path in files:
        os.utime(path, (ahead, ahead))
    assert prune(str(cache), older_than=30).files == 0
    counts = known.again()
    assert {step: counts[step][1] for step in STEPS} == dict.fromkeys(STEPS, 0)
    # What was used now was used now.
    assert all(path.stat().st_mtime < ahead - YEAR for path in (cache / "measures").rglob("*.parquet"))
    assert prune(str(cache), older_than=30).files == 0
    assert prune(str(cache)).files > 0
    assert kept_in(cache) == []


def test_half_a_file_from_the_future_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "tokens" / "v1" / ".half.1.aside"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    os.utime(left, (time.time() + YEAR, time.time() + YEAR))
    prune(str(tmp_path), older_than=30)
    assert not left.exists()


NO_DISK = 77
ON_A_DISK = f"""
mount -t tmpfs -o size=96k tmpfs "$1" && {{ [ -z "$2" ] || mount -o remount,ro "$1"; }} || exit {NO_DISK}
shift 2
exec "$@"
"""


def curate(known: Known, out: Path, cache: Path, *within: str) -> subprocess.CompletedProcess[str]:
    """`assay curate` in a process of its own, begun by the words in `within`."""
    call = [*within, sys.executable, "-m", "pipelines.cli", "curate", str(known.project.source), "--out", str(out)]
    place = {"ASSAY_CACHE": str(cache), "PREFECT_API_URL": ""}
    return subprocess.run(call, env=os.environ | place, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def usual(known: Known, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release with a cache that works."""
    out = tmp_path_factory.mktemp("usual") / "out"
    done = curate(known, out, known.cache)
    assert done.returncode in (0, 1), done.stderr
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "why"),
    [("", "No space left on device"), pytest.param("ro", "Read-only file system", marks=pytest.mark.long)],
)
def test_a_disk_that_is_full_or_may_only_be_read_costs_the_cache_and_is_told_once(
    known: Known, usual: Path, tmp_path: Path, mode: str, why: str
) -> None:
    """A whole run in a process that has a file system of its own."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not here")
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    done = curate(known, out, disk, "unshare", "-rm", "sh", "-c", ON_A_DISK, "sh", str(disk), mode)
    if done.returncode == NO_DISK or "unshare:" in done.stderr:
        pytest.skip("a file system of one's own is not here")
    assert done.returncode in (0, 1), done.stderr
    for part in ("ledger.parquet", "splits/train.jsonl"):
        assert (out / part).read_bytes() == (usual / part).read_bytes()
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("cache ")]
    assert line.startswith("cache         cannot be written (")
    assert why in line
    assert json.loads((out / "report.json").read_text())["run"]["new"]["checked"] == {"all": 10, "new": 10}
