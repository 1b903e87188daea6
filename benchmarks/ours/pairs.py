"""Texts in, verified pairs out: int8 for every row, and every row that may be in a pair again in full precision"""

import numpy as np
import polars as pl

from benchmarks.peers.timing import arguments, read_texts, say
from pipelines._close_prompts import close_prompts
from pipelines.embedding.encoder import BUILTIN, Encoder, Tier

source, out, options = arguments()
texts = pl.Series(read_texts(source))
# int8 is what `assay curate` takes for as much text as the whole of this corpus.
encoder = Encoder(BUILTIN, cache=options["cache"], tier=Tier.INT8)
close = close_prompts(texts, encoder.encode(texts), encoder, min_similarity=float(options["threshold"]))
pairs = close.near.pairs
np.save(out.with_suffix(".npy"), pairs.select("a", "b").to_numpy())
say(out, rows=len(texts), pairs=pairs.height, refined=close.refined, backend=encoder.backend)
