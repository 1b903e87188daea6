"""Embedding by a model that is loaded, in the tier that `tier` names: `fast` is int8, `quality` the best exact one"""

import numpy as np

from benchmarks.peers.timing import Stopwatch, arguments, read_texts, say
from pipelines.embedding.encoder import BUILTIN, Encoder, Tier
from pipelines.embedding.tiers import exact

source, out, options = arguments()
texts = read_texts(source)
encoder = Encoder(BUILTIN, cache=options["cache"], tier=Tier.INT8 if options["tier"] == "fast" else exact())
# Other texts than those below, or the cache would answer.
encoder.encode([f"{text}." for text in texts[:: max(len(texts) // 8, 1)]])
with Stopwatch() as watch:
    vectors = encoder.encode(texts).vectors
np.save(out.with_suffix(".npy"), vectors)
say(out, **watch.said(), rows=len(texts), backend=encoder.backend)
