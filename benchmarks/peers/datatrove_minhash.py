"""datatrove's MinHash deduplication in its four steps, two workers, word 3-grams, 14 buckets of 8 hashes"""

import json
import tempfile
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from timing import arguments, say

WORKERS = 2


def main() -> None:
    source, out, options = arguments()
    config = MinhashConfig(n_grams=3, num_buckets=int(options["buckets"]), hashes_per_bucket=int(options["hashes"]))
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        work = Path(folder)
        shard = _shards(source, work / "in")
        at = {name: str(work / name) for name in ("signatures", "buckets", "ids", "kept")}
        _run([JsonlReader(shard), MinhashDedupSignature(at["signatures"], config=config)], WORKERS, work / "log1")
        buckets = MinhashDedupBuckets(at["signatures"], at["buckets"], config=config)
        _run([buckets], config.num_buckets, work / "log2")
        _run([MinhashDedupCluster(at["buckets"], at["ids"], config=config)], 1, work / "log3")
        writer = JsonlWriter(at["kept"], compression=None)
        _run([JsonlReader(shard), MinhashDedupFilter(at["ids"]), writer], WORKERS, work / "log4")
        kept = sum(1 for path in Path(at["kept"]).glob("*.jsonl") for _ in path.open("rb"))
    rows = sum(1 for _ in source.open("rb"))
    say(out, rows=rows, kept=kept, removed=rows - kept)


def _shards(source: Path, folder: Path) -> str:
    """A file for each worker: datatrove divides work by files."""
    folder.mkdir()
    lines = source.read_bytes().splitlines(keepends=True)
    size = -(-len(lines) // WORKERS)
    for number in range(WORKERS):
        (folder / f"{number}.jsonl").write_bytes(b"".join(lines[number * size : (number + 1) * size]))
    assert json.loads(lines[0])["text"]
    return str(folder)


def _run(pipeline: list[object], tasks: int, log: Path) -> None:
    LocalPipelineExecutor(pipeline, tasks=tasks, workers=min(WORKERS, tasks), logging_dir=str(log)).run()


if __name__ == "__main__":
    main()
