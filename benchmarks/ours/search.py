"""Every pair of vectors that are there, as the semantic stage searches them"""

import numpy as np

from benchmarks.peers.timing import Stopwatch, arguments, say
from pipelines._neighbours import similar_pairs

source, out, options = arguments()
vectors = np.load(source)
similar_pairs(vectors[:4_096], min_similarity=float(options["threshold"]))  # imports what it needs
with Stopwatch() as watch:
    found = similar_pairs(vectors, min_similarity=float(options["threshold"]))
np.save(out.with_suffix(".npy"), found.pairs.select("a", "b").to_numpy())

say(out, **watch.said(), rows=len(vectors), pairs=found.pairs.height, recall=found.recall, method=found.method)
