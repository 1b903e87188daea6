"""Texts in, verified pairs out: a fast tier for every row, and what may be in a pair again in full precision"""

import numpy as np
import polars as pl

from benchmarks.peers.timing import arguments, read_texts, say
from pipelines._close_prompts import close_prompts
from pipelines.embedding.encoder import BUILTIN, Encoder
from pipelines.embedding.model_folder import ModelFolder
from pipelines.embedding.tiers import INT8_PAYS, choose

source, out, options = arguments()
texts = pl.Series(read_texts(source))
# The tier that `assay curate` takes for as much text as the whole of this corpus.
encoder = Encoder(BUILTIN, cache=options["cache"], tier=choose(ModelFolder(BUILTIN), INT8_PAYS).tier)
close = close_prompts(texts, encoder.encode(texts), encoder, min_similarity=float(options["threshold"]))
pairs = close.near.pairs
np.save(out.with_suffix(".npy"), pairs.select("a", "b").to_numpy())
say(out, rows=len(texts), pairs=pairs.height, refined=close.refined, backend=encoder.backend)
