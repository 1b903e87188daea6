"""SIGKILL at every stage boundary and in the middle of every stage: the next run finishes, with the same bytes.

The long form (`make kill`) kills 200 times. ASSAY_KILL_SEED chooses other moments, which each failure names;
ASSAY_KILL_FROM=150 goes on with the 150th of them, where one sitting is too short for all.
"""

import json
import os
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from pipelines._manifest import read_manifest, verify_files
from pipelines._stages import STAGES
from schemas.errors import ReleaseError

LONG = os.environ.get("ASSAY_TESTS_LONG") == "1"
SEED = int(os.environ.get("ASSAY_KILL_SEED", "1"))
KILLS = 200 if LONG else 2
FIRST = int(os.environ.get("ASSAY_KILL_FROM", "1"))
PUBLISHING = "publishing"


class Moment(NamedTuple):
    """When to kill: as the file `after` appears below the run's folder, and so many seconds later."""

    stage: str
    after: str
    seconds: float
    cold: bool  # from a cache that knows the models only
    over: bool  # over an earlier release


def moments(seconds: dict[str, float], number: int) -> list[Moment]:
    """Boundaries and middles of all stages in turn, in an order and at depths that the seed decides."""
    dice = random.Random(SEED)
    starts = dict(zip([*STAGES, PUBLISHING], ["call", *STAGES], strict=True))
    marks = [(name, f".work/{start}.json") for name, start in starts.items()]
    # Both are over in an instant.
    marks += [("gathering", ".work"), ("installing", ".work/ready.json")]
    found: list[Moment] = []
    while len(found) < number:
        for name, after in dice.sample(marks, len(marks)):
            deep = dice.random() * seconds.get(name, 0.02) if len(found) % 2 else 0.0
            found.append(Moment(name, after, deep, dice.random() < 0.3, dice.random() < 0.5))
    return found[:number]


def test_a_killed_run_is_finished_by_the_next(
    project: Any, undisturbed: Path, tmp_path: Path, running: list[Any]
) -> None:
    expected = project.outcome(undisturbed)
    warm = project.cache
    cold = only_models(project, tmp_path)
    earlier = an_earlier_release(project, tmp_path)
    seconds = stage_seconds(undisturbed)
    killed: dict[str, int] = {}
    for number, moment in list(enumerate(moments(seconds, KILLS), start=1))[FIRST - 1 :]:
        # Of its own, so that a kill is the same wherever the test began.
        dice = random.Random(f"{SEED} {number}")
        place = tmp_path / f"{number}"
        out = place / "out"
        project.cache = project.linked(cold if moment.cold else warm, place / "cache")
        if moment.over:
            shutil.copytree(earlier, out)
        happened = strike(project, out, moment, running)
        what_is_there(out, earlier if moment.over else None, expected, project, moment)
        if happened and dice.random() < 0.3:  # and again, anywhere
            happened += strike(project, out, moment._replace(after=".lock", seconds=dice.random() * 6), running)
        killed[moment.stage] = killed.get(moment.stage, 0) + happened
        ended = project.curate(out)
        assert ended.code in (0, 1), (moment, ended.stderr)
        assert project.outcome(out) == expected, moment
        assert not {".work", ".lock"} & set(os.listdir(out)), moment
        verify_files(out, read_manifest(out))
        if LONG:
            print(f"{number} of {KILLS}: {moment}", file=sys.stderr, flush=True)
        shutil.rmtree(place)
    project.cache = warm
    assert sum(killed.values()) >= (KILLS - FIRST + 1) * 0.9, killed


def strike(project: Any, out: Path, moment: Moment, running: list[Any]) -> bool:
    """Start a run and kill it at the moment; false where it had ended before."""
    process = project.start(out)
    running.append(process)
    project.until(lambda: (out / moment.after).exists(), process)
    time.sleep(moment.seconds)
    return bool(project.kill(process))


def what_is_there(out: Path, earlier: Path | None, expected: dict[str, bytes], project: Any, moment: Moment) -> None:
    """The earlier release whole, the new one whole, or none that anybody could take for one."""
    try:
        verify_files(out, read_manifest(out))
    except ReleaseError:
        assert not (out / "manifest.json").exists(), moment
        return
    found = project.outcome(out)
    assert found in ([project.outcome(earlier), expected] if earlier else [expected]), moment


def stage_seconds(release: Path) -> dict[str, float]:
    """How long each stage took; writing the release is what is left of the run."""
    run = json.loads((release / "report.json").read_text())["run"]
    by_stage = {stage["name"]: stage["seconds"] for stage in run["stages"]}
    return {**by_stage, PUBLISHING: max(1.0, run["seconds"] - sum(by_stage.values()))}


def only_models(project: Any, tmp_path: Path) -> Path:
    """A copy of the cache in which converted models are all that is known."""
    folder = tmp_path / "models"
    folder.mkdir()
    for kind in project.cache.iterdir():
        if kind.name in {"models", "folders"}:
            project.linked(kind, folder / kind.name)
    return folder


def an_earlier_release(project: Any, tmp_path: Path) -> Path:
    out = tmp_path / "earlier"
    ended = project.curate(out, "--seed", "8")
    assert ended.code in (0, 1), ended.stderr
    return out
