"""`make bench-selection`: what each method of selection costs and reaches on the records of a release, as tables."""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.desk import ROOT
from pipelines._released import scan_released
from pipelines.selecting import facility_location
from pipelines.selecting.methods import METHODS, choose
from pipelines.selecting.ranking import DIFFICULTY

ASKED = {"max_similarity": 0.9, "seed": 42}
# As many rows as all their similarities can be held of, the share of them that is chosen, and neighbours on the graph.
EXACT_ROWS, EXACT_SHARE, FEW = 2_000, 0.1, 16


def prepare(release: Path, folder: Path) -> None:
    """Leave the released records and the unit vectors of their prompts in `folder`."""
    from pipelines.cache.home import default_cache
    from pipelines.embedding.encoder import Encoder

    records = scan_released(release).collect()
    vectors = Encoder(cache=default_cache()).encode(records["prompt"]).vectors
    np.save(folder / "vectors.npy", vectors)
    wanted = ["record_id", "quality", "completion", "n_tokens"]
    if records[DIFFICULTY].null_count() < records.height:
        wanted.append(DIFFICULTY)
    records.select(*wanted, vector=pl.int_range(pl.len(), dtype=pl.Int64)).write_parquet(folder / "records.parquet")


def measured(folder: Path, method: str, size: int) -> dict[str, Any]:
    """Seconds, CPU seconds and peak memory (bytes above what lay there before) of one choice, and what it reaches."""
    records, vectors = pl.read_parquet(folder / "records.parquet"), np.load(folder / "vectors.npy")
    # Forgets the peak so far, which is this process's parent's at first.
    Path("/proc/self/clear_refs").write_text("5")
    held, before, began = _memory("VmRSS"), resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    places = choose(method, records, vectors, size=size, **ASKED)  # type: ignore[arg-type]
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    closest = closeness(vectors, vectors[places])
    return {
        "method": method,
        "size": size,
        "seconds": seconds,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "memory": _memory("VmHWM") - held,
        "served": float(closest.mean()),
        "farthest": float(closest.min()),
        "quality": records["quality"][places].mean(),
        "tokens": int(records["n_tokens"][places].sum()),
    }


def _memory(what: str) -> int:
    """Bytes of this process, as Linux counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def closeness(vectors: NDArray[np.float32], chosen: NDArray[np.float32]) -> NDArray[np.float32]:
    """The similarity of each record to the closest chosen one."""
    strips = (vectors[start : start + 2048] @ chosen.T for start in range(0, len(vectors), 2048))
    return np.concatenate([np.clip(strip.max(axis=1), 0, 1) for strip in strips])


def against_exact(folder: Path) -> dict[str, float]:
    """What greedy on graphs reaches of the facility location of greedy on all similarities, on EXACT_ROWS rows."""
    records = pl.read_parquet(folder / "records.parquet")
    records = records.sample(min(EXACT_ROWS, records.height), seed=42)
    vectors = np.load(folder / "vectors.npy")[records["vector"].to_numpy()]
    records = records.with_columns(vector=pl.int_range(pl.len(), dtype=pl.Int64))
    usual, count = facility_location.NEIGHBOURS, records.height
    ways = {"all": (count, count), f"{usual} nearest": (usual, count)}
    ways |= {f"{FEW} nearest": (FEW, count), f"{FEW} of the nearest cells": (FEW, 0)}
    reached = {}
    for name, (facility_location.NEIGHBOURS, facility_location.EXACT_UP_TO) in ways.items():
        places = choose("facility-location", records, vectors, size=int(EXACT_SHARE * count), **ASKED)  # type: ignore[arg-type]
        reached[name] = float(closeness(vectors, vectors[places]).sum())
    return {name: value / reached["all"] for name, value in reached.items()}


def table(folder: Path, sizes: list[int]) -> None:
    """Print a line for each method and size, each measured in a process of its own."""
    columns = pl.read_parquet_schema(folder / "records.parquet")
    print("| method | chosen | seconds | CPU seconds | memory, MB | served | farthest | quality | tokens |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for size in sizes:
        for name in (name for name, method in METHODS.items() if method.needs in (None, *columns)):
            call = [sys.executable, "-m", "benchmarks.choosing", str(folder), "--one", name, str(size)]
            said = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout
            # faiss may have said something before.
            one = json.loads(said.splitlines()[-1])
            print(
                f"| `{name}` | {one['size']:,} | {one['seconds']:.1f} | {one['cpu']:.1f} | {one['memory'] / 1e6:,.0f} "
                f"| {one['served']:.3f} | {one['farthest']:.3f} | {one['quality']:.3f} | {one['tokens']:,} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path, help="a release of Assay's, or with --one the folder that was prepared")
    parser.add_argument("--sizes", default="1000 10000")
    parser.add_argument("--one", nargs=2, metavar=("METHOD", "SIZE"), help="measure this alone, in this process")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.release, given.one[0], int(given.one[1]))))
        return
    folder = ROOT / "runs" / "bench" / "selection"
    folder.mkdir(parents=True, exist_ok=True)
    prepare(given.release, folder)
    print("facility location, of what greedy on all similarities reaches:")
    print(", ".join(f"{name} {share:.4f}" for name, share in against_exact(folder).items()), flush=True)
    table(folder, [int(size) for size in given.sizes.split()])


if __name__ == "__main__":
    main()
