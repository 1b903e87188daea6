"""text-dedup's MinHash command: word 3-grams, 128 permutations, its faster hash, one process for each core"""

import subprocess
import sys
import tempfile

from datasets import load_from_disk
from timing import arguments, say

source, out, options = arguments()
with tempfile.TemporaryDirectory(dir=out.parent.resolve()) as folder:
    asked = {
        "path": "json",
        "data_files": str(source.resolve()),
        "split": "train",
        "cache_dir": f"{folder}/cache",
        "output": f"{folder}/kept",
        "column": "text",
        "ngram": "3",
        "min_length": "1",
        "num_perm": "128",
        "threshold": options["threshold"],
        "hash_func": "xxh3",
    }
    flags = [word for name, value in asked.items() for word in (f"--{name}", value)]
    subprocess.run([sys.executable, "-m", "text_dedup.minhash", *flags], cwd=folder, check=True)
    kept = len(load_from_disk(f"{folder}/kept"))
rows = sum(1 for _ in source.open("rb"))
say(out, rows=rows, kept=kept, removed=rows - kept)
