"""Where a benchmark runs: its folder, the inputs made once for all sides, and how a side is started"""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.environments import OURS, PEERS, python_of
from benchmarks.figures import Measured
from benchmarks.processes import run_measured
from benchmarks.rows import alpaca, evenly_by_length, noisy_copies, whole_clusters, write_alpaca, write_lines

ROOT = Path(__file__).resolve().parents[1]
# No side of any line needs as long at full size, on a machine of two cores.
TIMEOUT = 1_800.0
# Pairs of the reference are kept from here up: what is near a threshold shall stay together in a sample.
FLOOR = 0.85
# Nothing that runs here may ask the network.
_QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


class SideError(Exception):
    """A side that failed; the message is one line."""


class Desk:
    """A folder for one number of rows. What is made in it is made once, and found again by the next call."""

    def __init__(self, folder: Path, data: Path, rows: int) -> None:
        self.folder, self.data, self.rows = folder, data, rows
        self.inputs = folder / "inputs"
        self.inputs.mkdir(parents=True, exist_ok=True)

    def run(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        codes: Sequence[int] = (0,),
        out: Path | None = None,
        timeout: float = TIMEOUT,
    ) -> Measured:
        """Run a whole process, for `timeout` seconds at most; `out` is the JSON file in which it says its facts.

        Raises SideError for another exit code than `codes`.
        """
        folder = self.folder / "runs"
        folder.mkdir(exist_ok=True)
        log = folder / f"{name}.log"
        # A cache of its own, also of Prefect's: neither the user's nor another run's may help or be filled.
        home = {"PREFECT_HOME": str(self.folder / "prefect"), "ASSAY_CACHE": str(folder / "no-cache")}
        settings = {**os.environ, **_QUIET, **home, **(env or {})}
        ran = run_measured([str(word) for word in argv], env=settings, cwd=ROOT, log=log, timeout=timeout)
        if ran.code not in codes:
            said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
            late = f" after {timeout:,.0f} s, its limit" if ran.wall >= timeout else ""
            raise SideError(f"{name}: exit {ran.code}{late}: {said[-1].strip()[:160] if said else 'nothing was said'}")
        facts = json.loads(out.read_text(encoding="utf-8")) if out else {}
        return Measured(ran.wall, ran.cpu, ran.peak, facts)

    def script(
        self,
        name: str,
        script: str,
        source: Path,
        *,
        environment: str = OURS,
        inside: bool = False,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Measured:
        """Run a side: `ours.NAME` or `peers.NAME`, or a file of this folder; see peers/timing.py for its arguments.

        With `inside` the seconds are those of its own stopwatch, without start and loading.
        """
        out = self.folder / "runs" / f"{name}.json"
        out.parent.mkdir(exist_ok=True)
        out.unlink(missing_ok=True)
        kind, _, stem = script.rpartition(".")
        call: list[str | Path] = ["-m", f"benchmarks.{script}"] if kind != "peers" else [PEERS / f"{stem}.py"]
        words = [f"{key}={value}" for key, value in options.items()]
        ran = self.run(name, [python_of(environment), *call, source, out, *words], out=out, env=env)
        return ran._replace(wall=ran.facts["wall"], cpu=ran.facts["cpu"]) if inside else ran

    def found(self, name: str) -> Path:
        """The array that the side `name` left beside what it said."""
        return self.folder / "runs" / f"{name}.npy"

    def texts(self) -> pl.DataFrame:
        return alpaca(self.data, self.rows)

    def lines(self, text: str) -> Path:
        """All rows as JSON lines of `id` and `text`; `text` is full or prompt."""
        path = self.inputs / f"{text}.jsonl"
        if not path.exists():
            write_lines(self.texts(), text, path)
        return path

    def sample(self, text: str, count: int) -> Path:
        """`count` rows spaced evenly by length, as `lines`."""
        path = self.inputs / f"{text}-{count}.jsonl"
        if not path.exists():
            picked = evenly_by_length(self.texts()[text], count)
            pl.DataFrame({"id": range(len(picked)), "text": picked}).write_ndjson(path)
        return path

    def clusters(self, text: str, count: int) -> Path:
        """About `count` rows with all that they are paired with, as `lines`; `id` is the row's place."""
        path = self.inputs / f"{text}-clusters-{count}.jsonl"
        if not path.exists():
            frame = self.texts()
            chosen = whole_clusters(self.pairs(text), len(frame), count)
            write_lines(frame[chosen.tolist()], text, path)
        return path

    def reference(self, text: str) -> Path:
        """Unit vectors of all rows by sentence-transformers in full precision, float32; minutes, once."""
        path = self.inputs / f"{text}-reference.npy"
        if not path.exists():
            print(f"embedding all {self.rows:,} rows for reference ({text}), once", file=sys.stderr, flush=True)
            self.script(f"reference-{text}", "ours.reference", self.lines(text), keep=path)
        return path

    def pairs(self, text: str) -> pl.DataFrame:
        """Every pair (a < b, similarity) of the reference at FLOOR and above, each computed."""
        path = self.inputs / f"{text}-pairs.parquet"
        if not path.exists():
            _exact_pairs(np.load(self.reference(text)), FLOOR).write_parquet(path)
        return pl.read_parquet(path)

    def crowd(self, copies: int) -> Path:
        """`copies` times as many vectors as there are prompts; 800 MB at ten."""
        path = self.inputs / f"prompt-times-{copies}.npy"
        if not path.exists():
            np.save(path, noisy_copies(np.load(self.reference("prompt")), copies))
        return path

    def alpaca(self, rows: int) -> Path:
        """The first `rows` rows in Alpaca's own form, always under one name: a release is named by its sources."""
        path = self.inputs / f"first-{rows}" / "alpaca.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            write_alpaca(self.data, rows, path)
        return path

    def empty(self, name: str) -> Path:
        """A folder with nothing in it."""
        folder = self.folder / "work" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def _exact_pairs(vectors: Any, floor: float) -> pl.DataFrame:
    found = [pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64, "similarity": pl.Float32})]
    for start in range(0, len(vectors), 1_000):
        cosines = vectors[start : start + 1_000] @ vectors[start:].T
        row, other = np.nonzero(np.triu(cosines >= floor, k=1))
        found.append(pl.DataFrame({"a": row + start, "b": other + start, "similarity": cosines[row, other]}))
    return pl.concat(found)
