"""Texts in, clusters out, in a process of its own: what draft mode does with texts, by a static model from a folder"""

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.peers.timing import arguments, say
from pipelines._clusters import components
from pipelines._neighbours import similar_pairs
from pipelines.embedding.static_runtime import Static

source, out, options = arguments()
texts = pl.read_ndjson(source)["text"]
vectors = Static(Path(options["model"])).embed(texts).vectors
pairs = similar_pairs(vectors, min_similarity=float(options["threshold"])).pairs
cluster = components(len(texts), pairs["a"].to_numpy(), pairs["b"].to_numpy())
kept = len(np.unique(cluster))
say(out, rows=len(texts), kept=kept, removed=len(texts) - kept, pairs=pairs.height)
