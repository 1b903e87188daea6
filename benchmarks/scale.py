"""`make bench-scale`: `assay curate` on more and more rows, its time and memory by stage, and how they grow

    python -m benchmarks.scale [--rows 52002,520020,1000000] [--runner local|dask|hosts] [--draft] [--data F] [--fresh]

Rows are made from Alpaca (benchmarks/scale_rows.py). Every size is kept in runs/bench-scale as it ends: a stopped
call goes on with the next, and the exponents are those of all sizes that are there. Runners: this process, two of
Dask's workers beside it, or two hosts (benchmarks/hosts.py). With --draft vectors are static. Sizes beyond a million
(5200200) are asked for. Without the data, the rows of data/samples that are written for this project are what more are
made of.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.desk import ROOT, Desk, SideError
from benchmarks.figures import GIB, exponent
from benchmarks.hosts import Hosts, hosts
from benchmarks.pages import as_markdown
from benchmarks.rounds import code_digest
from benchmarks.rows import DATA
from benchmarks.scale_rows import planted_in, recall, write
from benchmarks.sides import ASSAY, account

FOLDER = ROOT / "runs" / "bench-scale"
SAMPLES = ROOT / "data" / "samples" / "train" / "support_alpaca.json"
SIZES = (52_002, 520_020, 1_000_000)
# Four hours, for a run that hangs: 5.2 million rows take two and a half on two busy cores.
TIMEOUT = 14_400.0


def run(
    desk: Desk, source: Path, rows: int, code: str, fresh: bool, runner: str = "local", *, draft: bool = False
) -> dict[str, Any]:
    """One size: `rows`, `wall`, `cpu`, `peak` (bytes; `worker_peak` of the larger host), seconds and peak by stage, and
    the share of the planted duplicates that was found. Kept for one state of the code.
    """
    way = [*([] if runner == "local" else [runner]), *(["draft"] if draft else [])]
    kept = desk.folder / f"{'-'.join([str(rows), *way])}.json"
    if kept.exists() and not fresh:
        content: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if content["code"] == code and content["source"] == source.name:
            return content
    lines = desk.folder / f"rows-{rows}.jsonl"
    if not (lines.exists() and planted_in(lines).exists()) or fresh:
        _say(f"making {rows:,} rows")
        write(source, lines, rows)
    _say(f"curating {rows:,} rows ({runner})")
    out = desk.empty("scale")
    env = {"ASSAY_CACHE": str(out / "cache")}
    with ExitStack() as stack:
        two = stack.enter_context(hosts(out, env=env)) if runner == "hosts" else None
        call: list[str | Path] = [*ASSAY, "curate", lines, "--out", out / "release", *_asked(runner, two, out)]
        call += ["--draft"] if draft else []
        ran = desk.run(f"scale-{rows}", call, env=env, codes=(0, 1), timeout=TIMEOUT)
        held = two.peak() if two else 0
    said = account(out / "release")
    ledger = out / "release" / "ledger.parquet"
    found = recall(pl.read_parquet(planted_in(lines)), pl.read_parquet(ledger)) if ledger.exists() else {}
    shutil.rmtree(out)
    content = {
        "rows": rows,
        "code": code,
        "source": source.name,
        "runner": two.kind if two else runner,
        "draft": draft,
        "wall": ran.wall,
        "cpu": ran.cpu,
        "peak": ran.peak,
        "worker_peak": held,
        "released": said["released"],
        "found": found,
        "stages": {stage["name"]: stage["seconds"] for stage in said["stages"]},
        "memory": {stage["name"]: stage.get("peak_memory_mb") for stage in said["stages"]},
    }
    kept.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return content


def _asked(runner: str, two: Hosts | None, folder: Path) -> list[str | Path]:
    if runner == "local":
        return []
    config = folder / "assay.yaml"
    config.write_text("runner: {kind: dask, workers: 2}\n", encoding="utf-8")
    return ["--config", config, *(["--runner", two.scheduler] if two else [])]


def written(sizes: Sequence[dict[str, Any]]) -> str:
    """A table in Markdown: a line for each stage, a column for each size, and the exponent of growth over all.

    A stage's cell has its seconds and, where the report says it, the peak of memory up to its end.
    """
    rows = [size["rows"] for size in sizes]
    head = ["", *(f"{count:,} rows" for count in rows), "grows with rows to the power of"]
    lines = []
    for name in sizes[-1]["stages"]:
        seconds = [size["stages"].get(name, 0.0) for size in sizes]
        memory = [size["memory"].get(name) for size in sizes]
        cells = [_cell(*each) for each in zip(seconds, memory, strict=True)]
        lines.append([name, *cells, _power(rows, seconds)])
    for name, figure, unit in (("in all", "wall", "s"), ("in all, CPU", "cpu", "s"), ("peak memory", "peak", "GB")):
        values = [size[figure] / (GIB if unit == "GB" else 1) for size in sizes]
        lines.append([name, *(f"{value:,.2f} {unit}" for value in values), _power(rows, values)])
    for kind in sorted({kind for size in sizes for kind in size.get("found", {})}):
        shares = [size.get("found", {}).get(kind) for size in sizes]
        cells = ["-" if share is None else f"{share:.4f}" for share in shares]
        lines.append([f"planted {kind} duplicates found", *cells, "-"])
    return as_markdown(head, lines)


def _cell(seconds: float, memory: float | None) -> str:
    return f"{seconds:,.1f} s" + (f", {memory / 1024:.2f} GB" if memory else "")


def _power(rows: Sequence[int], values: Sequence[float]) -> str:
    power = exponent(rows, values)
    return f"{power:.2f}" if power == power else "-"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-scale", description="How time and memory grow with rows.")
    parser.add_argument("--rows", default=",".join(map(str, SIZES)), help="sizes, with commas or spaces between them")
    parser.add_argument("--runner", choices=["local", "dask", "hosts"], default="local", help="what works on shards")
    parser.add_argument("--draft", action="store_true", help="static vectors instead of the model's")
    parser.add_argument("--data", type=Path, default=DATA, help="what rows are made from")
    parser.add_argument("--fresh", action="store_true", help="measure again what is kept")
    asked = parser.parse_args()
    source = asked.data if asked.data.is_file() else SAMPLES
    FOLDER.mkdir(parents=True, exist_ok=True)
    desk, code, done = Desk(FOLDER, source, 0), code_digest(), []
    for rows in sorted({int(word) for word in asked.rows.replace(",", " ").split()}):
        try:
            done.append(run(desk, source, rows, code, asked.fresh, asked.runner, draft=asked.draft))
        except SideError as error:
            sys.exit(f"{rows:,} rows: {error}")
        print(written(done) if len(done) > 1 else f"{rows:,} rows: {done[0]['wall']:.1f} s", flush=True)


if __name__ == "__main__":
    main()
