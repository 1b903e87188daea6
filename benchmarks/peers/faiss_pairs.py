"""faiss' flat index over vectors that are there: every pair by range search, as its manual has it"""

import faiss
import numpy as np
from timing import Stopwatch, arguments, say

BLOCK = 4_096

source, out, options = arguments()
vectors = np.load(source)
with Stopwatch() as watch:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    ends = []
    for start in range(0, len(vectors), BLOCK):
        limits, _, other = index.range_search(vectors[start : start + BLOCK], float(options["threshold"]))
        row = start + np.repeat(np.arange(len(limits) - 1), np.diff(limits.astype(np.int64)))
        ends.append(np.stack([row, other], axis=1)[row < other])
    pairs = np.concatenate(ends)
np.save(out.with_suffix(".npy"), pairs)
say(out, **watch.said(), rows=len(vectors), pairs=len(pairs))
