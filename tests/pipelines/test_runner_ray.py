"""Ray as the runner: the same seam, another engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray, of the extra `dev`, is missing")

from pipelines._near import near_pairs
from pipelines._near_shared import shared_near_pairs
from pipelines._runner import Sharing, opened
from pipelines._texts import Texts
from schemas.errors import UsageError
from schemas.project import RunnerSettings

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data" / "samples" / "train"


def refuses(word: str) -> str:
    if word == "no":
        raise UsageError("no: cannot be; choose another")
    return word.upper()


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ray_does_the_work_in_order_and_its_errors_are_ours(tmp_path: Path) -> None:
    import polars as pl

    with opened(RunnerSettings(kind="ray", workers=2)) as runner:
        runner.check(tmp_path)
        assert list(runner.map(refuses, ["a", "b", "c"])) == ["A", "B", "C"]
        with pytest.raises(UsageError, match=r"^no: cannot be; choose another$"):
            list(runner.map(refuses, ["a", "no"]))
        texts = Texts.held(pl.Series([f"one two three four five six seven {number // 2}" for number in range(40)]))
        shared = shared_near_pairs(texts, ngram=3, min_jaccard=0.7, seed=1, sharing=Sharing(runner, tmp_path))
        assert shared.equals(near_pairs(texts, ngram=3, min_jaccard=0.7, seed=1))


@pytest.mark.long
def test_a_release_is_the_same_bytes_on_ray(tmp_path: Path) -> None:
    made = []
    for name, more in (("here", []), ("there", ["--runner", "ray"])):
        (tmp_path / name).mkdir()
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": "", "ASSAY_CACHE": str(tmp_path / name / "c")}
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", "curate", str(SAMPLES), "--out", "out", *more],
            cwd=tmp_path / name, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        out = tmp_path / name / "out"
        paths = [out / "ledger.parquet", out / "records.parquet", *sorted((out / "splits").iterdir())]
        made.append([path.read_bytes() for path in paths])
    assert made[0] == made[1]
