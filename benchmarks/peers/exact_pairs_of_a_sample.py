"""Exact search of a sample of rows among all, and what all rows would take: each pair once, so half of the products"""

import numpy as np
from timing import Stopwatch, arguments, say

BLOCK = 250

source, out, options = arguments()
vectors = np.load(source, mmap_mode="r")
everything = np.ascontiguousarray(vectors)
rows = np.linspace(0, len(everything) - 1, int(options["sample"])).astype(np.int64)
found = []
with Stopwatch() as watch:
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        row, other = np.nonzero(everything[part] @ everything.T >= float(options["threshold"]))
        found.append(np.stack([part[row], other], axis=1)[part[row] != other])
pairs = np.concatenate(found)
np.save(out.with_suffix(".npy"), pairs)
scale = len(everything) / len(rows) / 2
say(out, wall=watch.wall * scale, cpu=watch.cpu * scale, rows=len(everything), sampled=len(rows), pairs=len(pairs))
